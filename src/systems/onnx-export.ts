import { ArgumentError, NDArray } from "../base/index.ts";
import { encodeTensor } from "../formats/index.ts";
import {
  lowerSymbolic,
  MOST_BYTES,
  type OnnxFiles,
  onnxFiles,
  tensorBytes,
  toHalfModel,
} from "../lower/index.ts";
import { leaves } from "../nn/index.ts";
import { type Graph, type Tensor, topologicalOrder, trace } from "../tensor/index.ts";
import { onnxCall } from "./onnx-call.ts";
import { type OpenSizes, onnxFunction } from "./onnx-function.ts";
import { type TrainedStage, weightsOfNetwork } from "./trained-stage.ts";

export interface OnnxOptions {
  /** Weights and most operations in float16, between float32 inputs and outputs. */
  readonly half?: boolean;
  /** The name of a file for the weights, beside the model. */
  readonly external: string;
  /** More bytes of weights than this go there: what one message may have, when absent. */
  readonly limit?: number | undefined;
  /** Of the program that writes it. */
  readonly version: string;
}

/** Room in a message for what is no tensor. */
const GRAPH_BYTES = 2 ** 26;

/**
 * A trained stage's network with its averaged weights as an ONNX model that leaves the batch open, and of U-Nets height
 * and width: `sample`, `timestep` and `class_labels` to `out_sample`, in standard operations alone.
 * @throws ArgumentError for weights that float16 cannot hold
 */
export const onnxExport = (
  trained: TrainedStage,
  { half = false, external, limit = MOST_BYTES - GRAPH_BYTES, version }: OnnxOptions,
): OnnxFiles => {
  const { network, symbols, inputs, outputs } = onnxFunction(trained);
  const weights = weightsOfNetwork(trained, network);
  const parameters = leaves(trained.stage.networks[network] as object);
  const at = (sizes: OpenSizes) => needed(trace(inputs(sizes), outputs, parameters), parameters);
  const whole = lowerSymbolic({ symbols, at }, { weights }).onnx.model();
  const model = half ? toHalfModel(whole, halfBytes) : whole;
  const outside = tensorBytes(model) > limit;
  const about = { version, metadata: metadataOf(trained, weights.get("class_embedding.weight")?.shape[0]) };
  return onnxFiles(model, about, outside ? external : undefined);
};

/** The graph without parameters that its outputs do not depend on: what an autoencoder says of its error, for one. */
const needed = ({ inputs, outputs }: Graph, parameters: ReadonlyMap<string, Tensor>): Graph => {
  const used = new Set(topologicalOrder(outputs.values()));
  return {
    inputs: new Map([...inputs].filter(([name, leaf]) => used.has(leaf) || !parameters.has(name))),
    outputs,
  };
};

const halfBytes = (values: Float32Array): Uint8Array => {
  try {
    return encodeTensor(new NDArray(values, [values.length], "float32"), true);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ArgumentError({
      who: "float16",
      expected: "weights of its range",
      got: error.message,
      hint: "export in float32",
    });
  }
};

const metadataOf = (trained: TrainedStage, rows: number | undefined): Record<string, string> => {
  const { recipe, stage, checkpoint } = trained;
  const { classes, step } = checkpoint.header;
  return {
    system: recipe.system,
    stage: stage.name,
    step: String(step),
    call: onnxCall(trained, rows),
    ...(rows && classes && { classes: JSON.stringify(classes) }),
    recipe: JSON.stringify(recipe),
  };
};
