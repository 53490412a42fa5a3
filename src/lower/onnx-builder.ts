import { create, toBinary } from "@bufbuild/protobuf";
import type { DType, NDArray, Shape } from "../base/index.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";

/** ONNX's element types (TensorProto.DataType). */
export const elementType: Readonly<Record<DType | "int64", number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
};
const FLOAT = 1;
const INT = 2;
const STRING = 3;
const INTS = 7;

const OPSET = 18n;
const IR_VERSION = 9n;

/** An attribute: a whole number, `{ float }`, a list of whole numbers, or a string. */
export type OnnxAttribute = number | { readonly float: number } | readonly number[] | string;
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

/**
 * Collects the nodes and constants of one ONNX graph. Asking twice for the same node gives the first
 * one's result: lowerings of related operations share their common parts that way (group norm and its
 * gradients share the statistics).
 */
export class OnnxBuilder {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers = new Map<string, TensorProto>();
  private readonly domains = new Set([""]);
  private readonly made = new Map<string, readonly string[]>();
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private count = 0;

  /**
   * A node's first result. An operation outside the standard is written `domain/Type`. An empty input name
   * leaves an optional input out.
   */
  node(opType: string, inputs: readonly string[], attributes: OnnxAttributes = {}): string {
    return this.results(opType, inputs, attributes, 1)[0] as string;
  }

  /** A node's first `count` results. */
  results(
    opType: string,
    inputs: readonly string[],
    attributes: OnnxAttributes,
    count: number,
  ): readonly string[] {
    const key = `${opType}${JSON.stringify([inputs, attributes])}${count}`;
    const known = this.made.get(key);
    if (known) return known;
    const output = Array.from({ length: count }, () => this.fresh());
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    const [type = "", domain = ""] = opType.split("/").reverse();
    this.domains.add(domain);
    const name = output[0] as string;
    this.nodes.push(
      create(NodeProtoSchema, { opType: type, domain, input: [...inputs], output, attribute, name }),
    );
    this.made.set(key, output);
    return output;
  }

  /** A small int64 constant, a list unless a shape is given. */
  int64(values: readonly number[], shape: Shape = [values.length]): string {
    return this.constant(`int64${JSON.stringify([values, shape])}`, () => ({
      type: "int64",
      shape,
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** A float32 scalar. */
  float(value: number): string {
    return this.constant(`float${Object.is(value, -0) ? "-0" : value}`, () => ({
      type: "float32",
      shape: [],
      data: Float32Array.of(value),
    }));
  }

  /** A constant made once per key. */
  constant(key: string, make: () => ConstantData): string {
    const known = this.made.get(key);
    if (known) return known[0] as string;
    const { type, shape, data } = make();
    const name = this.fresh();
    this.initializer(name, elementType[type], shape, data);
    this.made.set(key, [name]);
    return name;
  }

  /** A constant under a name of its own: a weight. */
  weight(name: string, { dtype, shape, data }: NDArray): void {
    this.initializer(name, elementType[dtype], shape, data);
  }

  input(name: string, dtype: DType, shape: Shape): void {
    this.inputs.push(valueInfo(name, dtype, shape));
  }

  output(name: string, value: string, dtype: DType, shape: Shape): void {
    this.nodes.push(create(NodeProtoSchema, { opType: "Identity", input: [value], output: [name], name }));
    this.outputs.push(valueInfo(name, dtype, shape));
  }

  /** The ONNX file. */
  finish(): Uint8Array {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: "undiffuse",
      opsetImport: [...this.domains].map((domain) => ({ domain, version: domain === "" ? OPSET : 1n })),
      graph: {
        name: "undiffuse",
        node: this.nodes,
        initializer: [...this.initializers.values()],
        input: this.inputs,
        output: this.outputs,
      },
    });
    return toBinary(ModelProtoSchema, model);
  }

  private initializer(name: string, dataType: number, shape: Shape, data: ConstantData["data"]): void {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength) as Uint8Array<ArrayBuffer>;
    this.initializers.set(
      name,
      create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData }),
    );
  }

  private fresh(): string {
    return `_${this.count++}`;
  }
}

export interface ConstantData {
  readonly type: DType | "int64";
  readonly shape: Shape;
  readonly data: NDArray["data"] | BigInt64Array;
}

const valueInfo = (name: string, dtype: DType, shape: Shape): ValueInfoProto => {
  const dim = shape.map((n) => ({ value: { case: "dimValue" as const, value: BigInt(n) } }));
  const tensor = { elemType: elementType[dtype], shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: tensor } } });
};

const attributeOf = (name: string, value: OnnxAttribute): AttributeProto => {
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) });
  if (typeof value === "string")
    return create(AttributeProtoSchema, { name, type: STRING, s: new TextEncoder().encode(value) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) });
};
