import { create } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
} from "./onnx_pb.ts";
import { elementType } from "./onnx-builder.ts";

/** ONNX's element type of float16. */
const HALF = 10;
const FLOAT = elementType.float32;

/**
 * What is computed in float32 all the same: what sums up, spreads far or is of use only when it is exact. Of a
 * normalisation these are the statistics, of attention the weights.
 */
const exactOps = new Set(
  "LayerNormalization,Softmax,ReduceSum,ReduceMax,Exp,Log,Sqrt,Erf,Sin,Cos,Cast,Greater,Equal".split(","),
);
/** Waves of a time: all before them is exact as well, since float16 knows times of a thousand to the nearest half. */
const waves = new Set(["Sin", "Cos"]);
/** Inputs of an operation, from this one on, that are float32 by its definition: Resize's scales. */
const definedFloat: Readonly<Record<string, number>> = { Resize: 1 };

/** The largest and the least number that float16 tells from infinity and from 0. */
const [MOST, LEAST] = [65504, 2 ** -24];

/**
 * The model in float16: weights and most operations, between inputs and outputs that stay float32.
 * @param toHalf the bytes of numbers in float16 @throws what `toHalf` throws for numbers beyond its range
 */
export const toHalfModel = (model: ModelProto, toHalf: (values: Float32Array) => Uint8Array): ModelProto => {
  const { graph } = model;
  if (!graph) return model;
  const types = typesOf(model);
  const exact = exactNodes(graph.node, { types, outputs: graph.output, initializer: graph.initializer });
  const isHalf = (node: NodeProto): boolean => !exact.has(node) && types.get(node.output[0] ?? "") === FLOAT;
  const users = usersOf(graph.node);
  const constant = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const halves = new Set(
    graph.initializer
      .filter(({ name, dataType }) => dataType === FLOAT && (users.get(name) ?? []).every(wantsHalf(isHalf)))
      .map(({ name }) => name),
  );
  const nodes: NodeProto[] = [];
  const casts = new Map<string, string>();
  /** The value in the type that a node takes. */
  const taken = (name: string, to: number): string => {
    if (types.get(name) !== FLOAT || to === (halves.has(name) ? HALF : FLOAT)) return name;
    const known = casts.get(name);
    if (known) return known;
    const other = `${name}_${to === HALF ? "half" : "float"}`;
    nodes.push(castNode(name, other, to));
    casts.set(name, other);
    return other;
  };
  for (const node of graph.node) {
    const half = isHalf(node);
    const input = node.input.map((name, i) => taken(name, half && !isDefinedFloat(node, i) ? HALF : FLOAT));
    nodes.push(create(NodeProtoSchema, { ...node, input }));
    if (half) for (const name of node.output) halves.add(name);
  }
  const stored = (tensor: TensorProto): TensorProto => {
    if (!halves.has(tensor.name)) return tensor;
    const { name, dims, rawData } = tensor;
    return create(TensorProtoSchema, {
      name,
      dims,
      dataType: HALF,
      rawData: toHalf(floatsOf(rawData)) as Uint8Array<ArrayBuffer>,
    });
  };
  return create(ModelProtoSchema, {
    ...model,
    graph: { ...graph, node: nodes, initializer: [...constant.values()].map(stored) },
  });
};

interface Use {
  readonly node: NodeProto;
  readonly index: number;
}

const usersOf = (nodes: readonly NodeProto[]): Map<string, Use[]> => {
  const users = new Map<string, Use[]>();
  for (const node of nodes)
    for (const [index, name] of node.input.entries())
      users.set(name, [...(users.get(name) ?? []), { node, index }]);
  return users;
};

const isDefinedFloat = ({ opType }: NodeProto, index: number): boolean =>
  index >= (definedFloat[opType] ?? Number.POSITIVE_INFINITY);

const wantsHalf =
  (isHalf: (node: NodeProto) => boolean) =>
  ({ node, index }: Use): boolean =>
    isHalf(node) && !isDefinedFloat(node, index);

/** The element type of every value. */
const typesOf = ({ graph }: ModelProto): Map<string, number> => {
  const types = new Map<string, number>();
  for (const { name, dataType } of graph?.initializer ?? []) types.set(name, dataType);
  for (const { name, type } of graph?.input ?? [])
    if (type?.value.case === "tensorType") types.set(name, type.value.value.elemType);
  for (const node of graph?.node ?? [])
    for (const output of node.output) types.set(output, typeOf(node, types));
  return types;
};

/** What operations give whose result is not of their first input's type. */
const typeOf = ({ opType, input, attribute }: NodeProto, types: ReadonlyMap<string, number>): number => {
  if (opType === "Shape") return elementType.int64;
  if (opType === "Greater" || opType === "Equal") return elementType.bool;
  if (opType === "Cast") return Number(attribute.find(({ name }) => name === "to")?.i);
  return types.get(input[opType === "Where" ? 1 : 0] ?? "") ?? FLOAT;
};

/** The nodes that stay float32. */
const exactNodes = (
  nodes: readonly NodeProto[],
  {
    types,
    outputs,
    initializer,
  }: {
    readonly types: ReadonlyMap<string, number>;
    readonly outputs: readonly ValueInfoProto[];
    readonly initializer: readonly TensorProto[];
  },
): Set<NodeProto> => {
  const names = new Set(outputs.map(({ name }) => name));
  const beyond = new Set(
    initializer.filter((tensor) => tensor.dataType === FLOAT && isBeyond(tensor)).map(({ name }) => name),
  );
  const exact = new Set(
    nodes.filter(
      ({ opType, output, input }) =>
        exactOps.has(opType) ||
        output.some((name) => names.has(name)) ||
        input.some((name) => beyond.has(name)),
    ),
  );
  const ahead = new Set<string>();
  for (const node of nodes.toReversed()) {
    if (!waves.has(node.opType) && !node.output.some((name) => ahead.has(name))) continue;
    exact.add(node);
    for (const name of node.input) if (types.get(name) === FLOAT) ahead.add(name);
  }
  return exact;
};

/** Constants of one number that float16 has not; of weights the caller is to hear. */
const isBeyond = ({ rawData }: TensorProto): boolean => {
  if (rawData.length !== 4) return false;
  const size = Math.abs(floatsOf(rawData)[0] as number);
  return size > MOST || (size > 0 && size < LEAST);
};

const floatsOf = (bytes: Uint8Array): Float32Array =>
  bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Float32Array(bytes.slice().buffer);

const castNode = (input: string, output: string, to: number): NodeProto =>
  create(NodeProtoSchema, {
    opType: "Cast",
    name: output,
    input: [input],
    output: [output],
    attribute: [create(AttributeProtoSchema, { name: "to", type: 2, i: BigInt(to) })],
  });
