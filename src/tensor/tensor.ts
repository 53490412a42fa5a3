import {
  type Arithmetic,
  type DType,
  NDArray,
  resolveAxis,
  resolveShape,
  type Shape,
  ShapeError,
  showShape,
  sizeOf,
} from "../base/index.ts";
import { type Shaped, shapeRules } from "./shape-rules.ts";
import type { OpAttributes, OpName } from "./vocabulary.ts";

/**
 * A node of a traced graph: the result of one operation on other tensors. Tensors are immutable and hold
 * no numbers; {@link trace} and a runtime make a callable of them.
 */
export class Tensor<K extends OpName = OpName> implements Arithmetic<Tensor>, Shaped {
  readonly op: K;
  readonly inputs: readonly Tensor[];
  readonly attributes: OpAttributes[K];
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(op: K, inputs: readonly Tensor[], attributes: OpAttributes[K]) {
    const { shape, dtype } = shapeRules[op](inputs, attributes, op);
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
  }

  add(other: Tensor | number): Tensor {
    return new Tensor("add", [this, lift(other)], {});
  }
  sub(other: Tensor | number): Tensor {
    return new Tensor("sub", [this, lift(other)], {});
  }
  mul(other: Tensor | number): Tensor {
    return new Tensor("mul", [this, lift(other)], {});
  }
  div(other: Tensor | number): Tensor {
    return new Tensor("div", [this, lift(other)], {});
  }
  neg(): Tensor {
    return new Tensor("neg", [this], {});
  }
  sqrt(): Tensor {
    return new Tensor("sqrt", [this], {});
  }
  exp(): Tensor {
    return new Tensor("exp", [this], {});
  }
  log(): Tensor {
    return new Tensor("log", [this], {});
  }
  detach(): Tensor {
    return new Tensor("detach", [this], {});
  }
  clamp(low: number, high: number): Tensor {
    return new Tensor("minimum", [new Tensor("maximum", [this, lift(low)], {}), lift(high)], {});
  }
  /** The same elements under another shape; one axis may be -1. */
  reshape(shape: Shape): Tensor {
    return new Tensor("reshape", [this], { shape: resolveShape("reshape", shape, sizeOf(this.shape)) });
  }
  /** Axes in another order (reversed when absent). */
  transpose(order: readonly number[] = this.shape.map((_, axis) => this.shape.length - 1 - axis)): Tensor {
    return new Tensor("transpose", [this], { order });
  }
  sum(axes: readonly number[] = this.shape.map((_, axis) => axis), keepDims = false): Tensor {
    return new Tensor("sum", [this], { axes: distinctAxes("sum", axes, this), keepDims });
  }
  /** The largest; on a tie, the gradient is shared evenly. */
  max(axes: readonly number[] = this.shape.map((_, axis) => axis), keepDims = false): Tensor {
    return new Tensor("max", [this], { axes: distinctAxes("max", axes, this), keepDims });
  }
  mean(axes?: readonly number[], keepDims = false): Tensor {
    const total = this.sum(axes, keepDims);
    return total.mul(sizeOf(total.shape) / sizeOf(this.shape));
  }
  matmul(other: Tensor): Tensor {
    return new Tensor("matmul", [this, other], {});
  }
}

/** A trainable leaf: a graph input that carries its host value. */
export class Parameter extends Tensor<"input"> {
  #value: NDArray;

  constructor(value: NDArray) {
    super("input", [], { shape: value.shape, dtype: value.dtype });
    this.#value = value;
  }

  get value(): NDArray {
    return this.#value;
  }

  /** Replaces the value by one of the same shape. */
  set value(value: NDArray) {
    if (showShape(value.shape) !== showShape(this.shape) || value.dtype !== this.dtype)
      throw new ShapeError({
        who: "Parameter",
        expected: `${this.dtype}${showShape(this.shape)}`,
        got: `${value.dtype}${showShape(value.shape)}`,
      });
    this.#value = value;
  }
}

/** A fixed array inside the graph. */
export const constant = (value: NDArray | number): Tensor<"constant"> =>
  new Tensor("constant", [], { value: typeof value === "number" ? NDArray.of([value], []) : value });

/** A leaf that is fed at each call. */
export const input = (shape: Shape, dtype: DType = "float32"): Tensor<"input"> =>
  new Tensor("input", [], { shape, dtype });

/** Axes counted from either end, each once. */
const distinctAxes = (who: string, axes: readonly number[], { shape }: Tensor): number[] => [
  ...new Set(axes.map((axis) => resolveAxis(who, axis, shape.length))),
];

const lift = (value: Tensor | number): Tensor => (typeof value === "number" ? constant(value) : value);
