import { create, toBinary } from "@bufbuild/protobuf";
import type { DType, NDArray, Shape } from "../base/index.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type ModelProto,
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
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, ConstantData>();
  readonly weights = new Map<string, NDArray>();
  readonly held: { readonly name: string; readonly dtype: DType; readonly shape: Shape }[] = [];
  readonly inputs: OnnxValue[] = [];
  readonly outputs: (OnnxValue & { readonly value: string })[] = [];
  private readonly made = new Map<string, readonly string[]>();
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
    this.nodes.push({ opType, inputs, attributes, outputs: output });
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
    const name = this.fresh();
    this.constants.set(name, make());
    this.made.set(key, [name]);
    return name;
  }

  /** A constant under a name of its own: a weight. */
  weight(name: string, value: NDArray): void {
    this.weights.set(name, value);
  }

  /** A weight that is not in the file: who opens it has its bytes, under this name in place of a path. */
  hold(name: string, dtype: DType, shape: Shape): void {
    this.held.push({ name, dtype, shape });
  }

  input(name: string, dtype: DType, shape: readonly OnnxSize[]): void {
    this.inputs.push({ name, dtype, shape });
  }

  output(name: string, value: string, dtype: DType, shape: readonly OnnxSize[]): void {
    this.outputs.push({ name, value, dtype, shape });
  }

  /** The ONNX file. */
  finish(): Uint8Array {
    return toBinary(ModelProtoSchema, this.model());
  }

  /** The model as a message, whose tensors are views of the arrays. */
  model(): ModelProto {
    const named = this.outputs.map(
      ({ name, value }): OnnxNode => ({
        opType: "Identity",
        inputs: [value],
        attributes: {},
        outputs: [name],
      }),
    );
    const domains = new Set(["", ...this.nodes.map(({ opType }) => domainOf(opType))]);
    return create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: "undiffuse",
      opsetImport: [...domains].map((domain) => ({ domain, version: domain === "" ? OPSET : 1n })),
      graph: {
        name: "undiffuse",
        node: [...this.nodes, ...named].map(nodeProto),
        initializer: [
          ...[...this.weights].map(([name, { dtype, ...value }]) =>
            initializer(name, { ...value, type: dtype }),
          ),
          ...[...this.constants].map(([name, value]) => initializer(name, value)),
          ...this.held.map(heldInitializer),
        ],
        input: this.inputs.map(valueInfo),
        output: this.outputs.map(valueInfo),
      },
    });
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

/** A size that is known, or the formula of one that is not, e.g. `n` or `h*w/4`. */
export type OnnxSize = number | string;

/** An input or output of the file. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly OnnxSize[];
}

export interface OnnxNode {
  /** `Type`, or `domain/Type`. */
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly attributes: OnnxAttributes;
  readonly outputs: readonly string[];
}

const domainOf = (opType: string): string => (opType.includes("/") ? (opType.split("/")[0] as string) : "");

const nodeProto = ({ opType, inputs, attributes, outputs }: OnnxNode): NodeProto =>
  create(NodeProtoSchema, {
    opType: opType.split("/").at(-1) as string,
    domain: domainOf(opType),
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    name: outputs[0] as string,
  });

const initializer = (name: string, { type, shape, data }: ConstantData): TensorProto => {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength) as Uint8Array<ArrayBuffer>;
  return create(TensorProtoSchema, { name, dataType: elementType[type], dims: shape.map(BigInt), rawData });
};

/** TensorProto.DataLocation: the numbers lie in another file. */
export const EXTERNAL = 1;

/** ONNX, "External Data": the location is the name. */
const heldInitializer = ({ name, dtype, shape }: OnnxBuilder["held"][number]): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: elementType[dtype],
    dims: shape.map(BigInt),
    dataLocation: EXTERNAL,
    externalData: [{ key: "location", value: name }],
  });

const valueInfo = ({ name, dtype, shape }: OnnxValue): ValueInfoProto => {
  const dim = shape.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
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
