import { FileError, type NDArray } from "../base/index.ts";
import type { OnnxFile } from "../formats/index.ts";
import { inceptionV3 } from "../models/index.ts";
import { parameters } from "../nn/index.ts";

type Node = OnnxFile["nodes"][number];

/** What torchvision's Inception has one less of: the last block pools by the largest here alone. */
const MAXIMUM_POOLINGS = 5;
/** Of batch norms; a batch norm that is not folded in says its own. */
const EPSILON = Math.fround(1e-3);

/**
 * The parameters of pytorch-fid's Inception in an ONNX model of it: under pytorch-fid's names where batch norms stand
 * after the convolutions, under those of {@link inceptionV3} where they were folded in. What a file calls its parameters
 * says little: torch's exporters give them numbers, or keep a weight's name when a batch norm was folded into it. A
 * convolution is known by its place in the graph: it comes after those that it depends on, and branches that are joined
 * come in the order in which they are.
 * @throws FileError for a model of something else
 */
export const inceptionState = (path: string, model: OnnxFile): Map<string, NDArray> => {
  const layers = [...parameters(inceptionV3()).keys()]
    .filter((name) => name.endsWith(".weight"))
    .map((name) => name.replace(/\.weight$/, ""));
  const nodes = inOrder(model);
  const convolutions = nodes.filter(({ opType }) => opType === "Conv");
  const poolings = nodes.filter(({ opType }) => opType === "MaxPool").length;
  if (convolutions.length !== layers.length || poolings !== MAXIMUM_POOLINGS)
    throw new FileError(path, {
      expected: `pytorch-fid's Inception, ${layers.length} convolutions and ${MAXIMUM_POOLINGS} poolings by the largest`,
      got: `${convolutions.length} and ${poolings}`,
    });
  const norms = new Map(
    nodes.filter(({ opType }) => opType === "BatchNormalization").map((node) => [node.input[0], node]),
  );
  return new Map(
    convolutions.flatMap((convolution, i) =>
      layerState(path, model, {
        name: layers[i] as string,
        convolution,
        norm: norms.get(convolution.output[0]),
      }),
    ),
  );
};

/** The nodes that outputs depend on, each after those that it depends on, as its inputs list them. */
const inOrder = ({ nodes, outputs }: OnnxFile): Node[] => {
  const makers = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const order: Node[] = [];
  const seen = new Set<Node>();
  const visit = (name: string): void => {
    const node = makers.get(name);
    if (!node || seen.has(node)) return;
    seen.add(node);
    node.input.forEach(visit);
    order.push(node);
  };
  outputs.forEach(visit);
  return order;
};

const NORM = ["weight", "bias", "running_mean", "running_var"] as const;

interface Layer {
  readonly name: string;
  readonly convolution: Node;
  readonly norm: Node | undefined;
}

const layerState = (
  path: string,
  { tensors }: OnnxFile,
  { name, convolution, norm }: Layer,
): (readonly [string, NDArray])[] => {
  const fail = (expected: string, got: string): never => {
    throw new FileError(path, { expected: `${name} with ${expected}`, got });
  };
  const [, weight, bias] = convolution.input.map((each) => tensors.get(each));
  if (!weight) return fail("float32 weights in the file", `${convolution.input[1] ?? "none"}, which is none`);
  if (!norm) {
    if (!bias) return fail("a bias or a batch norm", "neither");
    return [
      [`${name}.weight`, weight],
      [`${name}.bias`, bias],
    ];
  }
  // Zeros that torch writes for no bias are computed, and no constant of the file.
  if (bias) return fail("a bias or a batch norm", "both");
  const epsilon = norm.attribute.find((each) => each.name === "epsilon")?.f;
  if (epsilon !== EPSILON) return fail(`a batch norm's epsilon of ${EPSILON}`, String(epsilon));
  return [
    [`${name}.conv.weight`, weight],
    ...NORM.map((key, i) => {
      const value = tensors.get(norm.input[i + 1] ?? "");
      return [`${name}.bn.${key}`, value ?? fail(`its batch norm's ${key} in the file`, "none")] as const;
    }),
  ];
};
