import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FileError } from "../base/index.ts";
import { parseOnnx } from "./onnx.ts";

/** An input or output of a model. */
export interface OnnxValue {
  readonly name: string;
  /** ONNX's name in lower case: float, float16, int64, … */
  readonly type: string;
  /** Sizes that are free have a name. */
  readonly shape: readonly (number | string)[];
}

/** What an ONNX model says of itself. */
export interface OnnxFacts {
  /** Those that constants do not give. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The program that wrote it, and its version. */
  readonly producer: string;
  /** Versions of the sets of operations by their domains; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly operations: number;
  /** How many numbers its constants have. */
  readonly parameters: number;
  /** Of the file, and of those that its constants lie in. */
  readonly bytes: number;
  /** Names of the other files. */
  readonly beside: readonly string[];
  /** Those of them that are not there. */
  readonly missing: readonly string[];
}

/** Element types by their numbers (onnx.proto3, TensorProto.DataType). */
const types = [
  ..."undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double".split(" "),
  ..."uint32 uint64 complex64 complex128 bfloat16".split(" "),
];

/** Reads what an ONNX model is, and none of the files beside it. @throws FileError for what is no ONNX model */
export const readOnnxFacts = async (path: string): Promise<OnnxFacts> => {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new FileError(path, { expected: "a readable ONNX model", got: cause.message }, { cause });
  });
  const { graph, metadataProps, opsetImport, producerName, producerVersion } = parseOnnx(path, bytes);
  const { node, input, output, initializer } = graph;
  const constants = new Set(initializer.map(({ name }) => name));
  const locations = initializer.flatMap(({ externalData }) =>
    externalData.filter(({ key }) => key === "location").map(({ value }) => value),
  );
  const beside = [...new Set(locations)];
  const sizes = await Promise.all(beside.map((name) => sizeOf(path, name)));
  return {
    inputs: input.filter(({ name }) => !constants.has(name)).map(described),
    outputs: output.map(described),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
    producer: [producerName, producerVersion].filter(Boolean).join(" "),
    opsets: new Map(opsetImport.map(({ domain, version }) => [domain, Number(version)])),
    operations: node.length,
    parameters: initializer.reduce((sum, { dims }) => sum + Number(dims.reduce((a, b) => a * b, 1n)), 0),
    bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), bytes.length),
    beside,
    missing: beside.filter((_, i) => sizes[i] === undefined),
  };
};

type Value = ReturnType<typeof parseOnnx>["graph"]["input"][number];

const described = ({ name, type }: Value): OnnxValue => {
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  return {
    name,
    type: types[tensor?.elemType ?? 0] ?? `type ${tensor?.elemType}`,
    shape: (tensor?.shape?.dim ?? []).map(({ value }) =>
      value.case === "dimValue" ? Number(value.value) : value.value || "?",
    ),
  };
};

/** Undefined where it is not there, or not in the model's own folder. */
const sizeOf = async (path: string, name: string): Promise<number | undefined> => {
  if (name.split(/[/\\]/).some((part) => part === ".." || part === "")) return undefined;
  return (await stat(join(dirname(path), name)).catch(() => undefined))?.size;
};
