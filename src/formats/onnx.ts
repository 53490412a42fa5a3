import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileError, type NDArray } from "../base/index.ts";
import { ModelProtoSchema, type NodeProto, type TensorProto } from "../lower/index.ts";
import { decodeTensor, type FileDType, fileDTypes } from "./safetensors-dtype.ts";

/** What is read of an ONNX model that another program wrote. */
export interface OnnxFile {
  readonly nodes: readonly NodeProto[];
  /** Names of the values that the graph gives. */
  readonly outputs: readonly string[];
  /** Its float32 constants. */
  readonly tensors: ReadonlyMap<string, NDArray>;
  /** The bytes of the file, and of those beside it that hold its numbers. */
  readonly files: readonly Uint8Array[];
}

const FLOAT = 1;
const EXTERNAL = 1;
const F32 = fileDTypes.F32 as FileDType;

/**
 * Reads an ONNX model, and the files in its folder that it keeps numbers in.
 * @throws FileError for files that are missing or something else
 */
export const readOnnx = async (path: string): Promise<OnnxFile> => {
  const bytes = await read(path, "a readable ONNX model");
  const { node, output, initializer } = parseOnnx(path, bytes).graph;
  const floats = initializer.filter(({ dataType }) => dataType === FLOAT);
  const others = new Map<string, Uint8Array>();
  for (const tensor of floats) {
    const location = locationOf(tensor);
    if (location === undefined || others.has(location)) continue;
    if (isAbsolute(location) || location.split(/[/\\]/).includes(".."))
      throw new FileError(path, { expected: "numbers in its own folder", got: location });
    others.set(location, await read(join(dirname(path), location), `numbers of ${path}`));
  }
  const tensors = new Map(
    floats.map((tensor) => {
      const shape = tensor.dims.map(Number);
      try {
        return [tensor.name, decodeTensor(F32, shape, bytesOf(tensor, others))];
      } catch (cause) {
        const expected = `numbers of ${tensor.name}, ${shape.join("×")}`;
        throw new FileError(path, { expected, got: (cause as Error).message }, { cause });
      }
    }),
  );
  return {
    nodes: node,
    outputs: output.map(({ name }) => name),
    tensors,
    files: [bytes, ...others.values()],
  };
};

const read = (path: string, expected: string): Promise<Uint8Array> =>
  readFile(path).catch((cause: Error) => {
    throw new FileError(path, { expected, got: cause.message }, { cause });
  });

/** A file's message, whose graph is there. @throws FileError for what is no ONNX model */
export const parseOnnx = (path: string, bytes: Uint8Array) => {
  try {
    const { graph, ...model } = fromBinary(ModelProtoSchema, bytes);
    if (graph) return { ...model, graph };
  } catch (cause) {
    throw new FileError(path, { expected: "an ONNX model", got: (cause as Error).message }, { cause });
  }
  throw new FileError(path, { expected: "an ONNX model", got: "no graph" });
};

/** Where a tensor's numbers lie if they do not lie in the model. */
const locationOf = ({ dataLocation, externalData }: TensorProto): string | undefined =>
  dataLocation === EXTERNAL ? (entry(externalData, "location") ?? "") : undefined;

const entry = (entries: TensorProto["externalData"], name: string): string | undefined =>
  entries.find(({ key }) => key === name)?.value;

const bytesOf = (tensor: TensorProto, others: ReadonlyMap<string, Uint8Array>): Uint8Array => {
  const other = others.get(locationOf(tensor) ?? "");
  if (!other) return tensor.floatData.length ? bytesOfFloats(tensor.floatData) : tensor.rawData;
  const start = Number(entry(tensor.externalData, "offset") ?? 0);
  const length = Number(entry(tensor.externalData, "length") ?? other.length - start);
  return other.subarray(start, start + length);
};

const bytesOfFloats = (floats: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(floats).buffer);
