import type { Arithmetic } from "./arithmetic.ts";
import { ShapeError } from "./errors.ts";
import {
  broadcastShapes,
  broadcastStrides,
  isShape,
  resolveAxis,
  resolveShape,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  stridesOf,
} from "./shape.ts";

/** The storage of each dtype; `bool` is one byte, 0 or 1. */
export interface Storage {
  float32: Float32Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}
export type DType = keyof Storage;

const constructors = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array };

/** An array as plain data: what crosses a worker's border. */
export interface PlainArray {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Storage[DType];
}

/** A dense row-major array in host memory. Arithmetic computes in double precision and stores float32. */
export class NDArray implements Arithmetic<NDArray>, PlainArray {
  readonly data: Storage[DType];
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(data: Storage[DType], shape: Shape, dtype: DType = "float32") {
    if (!isShape(shape))
      throw new ShapeError({ who: "NDArray", expected: "sizes of 0 or more", got: showShape(shape) });
    if (data.length !== sizeOf(shape))
      throw new ShapeError({
        who: "NDArray",
        expected: `${sizeOf(shape)} elements for shape ${showShape(shape)}`,
        got: `${data.length}`,
      });
    if (!(data instanceof constructors[dtype]))
      throw new ShapeError({ who: "NDArray", expected: `storage of ${dtype}`, got: data.constructor.name });
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** An array from numbers, e.g. `NDArray.of([1, 2, 3, 4], [2, 2])`. */
  static of(values: Iterable<number>, shape?: Shape, dtype: DType = "float32"): NDArray {
    const data = constructors[dtype].from(values);
    return new NDArray(data, shape ?? [data.length], dtype);
  }

  static from({ data, shape, dtype }: PlainArray): NDArray {
    return new NDArray(data, shape, dtype);
  }

  static full(shape: Shape, value: number, dtype: DType = "float32"): NDArray {
    const data = new constructors[dtype](sizeOf(shape));
    return new NDArray(data.fill(value), shape, dtype);
  }

  /** Zeros that are not written: a large array takes memory once it is. */
  static zeros(shape: Shape, dtype: DType = "float32"): NDArray {
    return new NDArray(new constructors[dtype](sizeOf(shape)), shape, dtype);
  }

  /** Arrays of one shape stacked along a new first axis. */
  static stack(arrays: readonly NDArray[]): NDArray {
    return NDArray.concat(arrays.map((array) => array.reshape([1, ...array.shape])));
  }

  /** Arrays joined along the first axis. */
  static concat(arrays: readonly NDArray[]): NDArray {
    const [first] = arrays;
    if (!first) throw new ShapeError({ who: "NDArray.concat", expected: "at least one array", got: "none" });
    const rows = arrays.reduce((sum, array) => sum + (array.shape[0] ?? 1), 0);
    const out = NDArray.zeros([rows, ...first.shape.slice(1)], first.dtype);
    let offset = 0;
    for (const array of arrays) {
      if (!sameShape(array.shape.slice(1), first.shape.slice(1)) || array.dtype !== first.dtype)
        throw new ShapeError({
          who: "NDArray.concat",
          expected: `arrays like ${first.dtype}${showShape(first.shape)}`,
          got: `${array.dtype}${showShape(array.shape)}`,
        });
      out.data.set(array.data, offset);
      offset += array.data.length;
    }
    return out;
  }

  /**
   * Σ factor · array over terms of one shape, in one pass: the arithmetic of a sampler's step. Terms with a
   * factor of 0 are left out, whatever their arrays hold.
   */
  static combine(...terms: readonly (readonly [factor: number, array: NDArray])[]): NDArray {
    const [first] = terms;
    if (!first) throw new ShapeError({ who: "NDArray.combine", expected: "at least one term", got: "none" });
    const { shape } = first[1];
    const total = new Float64Array(first[1].size);
    for (const [factor, array] of terms) {
      if (!sameShape(array.shape, shape))
        throw new ShapeError({
          who: "NDArray.combine",
          expected: `arrays of shape ${showShape(shape)}`,
          got: showShape(array.shape),
        });
      if (factor !== 0) accumulate(total, factor, array.data);
    }
    return new NDArray(new Float32Array(total), shape);
  }

  get size(): number {
    return this.data.length;
  }

  /** The number of a one-element array. */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError({ who: "item", expected: "one element", got: showShape(this.shape) });
    return this.data[0] as number;
  }

  add(other: NDArray | number): NDArray {
    return binary("add", this, other, (a, b) => a + b);
  }
  sub(other: NDArray | number): NDArray {
    return binary("sub", this, other, (a, b) => a - b);
  }
  mul(other: NDArray | number): NDArray {
    return binary("mul", this, other, (a, b) => a * b);
  }
  div(other: NDArray | number): NDArray {
    return binary("div", this, other, (a, b) => a / b);
  }
  neg(): NDArray {
    return this.map((a) => -a);
  }
  sqrt(): NDArray {
    return this.map(Math.sqrt);
  }
  exp(): NDArray {
    return this.map(Math.exp);
  }
  log(): NDArray {
    return this.map(Math.log);
  }
  abs(): NDArray {
    return this.map(Math.abs);
  }
  /** Itself: host arrays have no derivatives. */
  detach(): NDArray {
    return this;
  }
  clamp(low: number, high: number): NDArray {
    return this.map((a) => Math.min(Math.max(a, low), high));
  }

  /** A float32 array of `f` at every element. */
  map(f: (value: number) => number): NDArray {
    const out = new Float32Array(this.size);
    for (let i = 0; i < out.length; i++) out[i] = f(this.data[i] as number);
    return new NDArray(out, this.shape);
  }

  /** The same numbers under another dtype: whole parts for integers, true for every bool but 0. */
  cast(dtype: DType): NDArray {
    if (dtype === this.dtype) return this;
    return NDArray.of(
      dtype === "bool" ? this.data.map((x) => Number(x !== 0)) : this.data,
      this.shape,
      dtype,
    );
  }

  clone(): NDArray {
    return new NDArray(this.data.slice(), this.shape, this.dtype);
  }

  /** The same elements under another shape; one axis may be -1. Shares memory. */
  reshape(shape: Shape): NDArray {
    return new NDArray(this.data, resolveShape("reshape", shape, this.size), this.dtype);
  }

  /** Axes in another order (reversed when absent). */
  transpose(order: readonly number[] = this.shape.map((_, axis) => this.shape.length - 1 - axis)): NDArray {
    if (order.length !== this.shape.length || !this.shape.every((_, axis) => order.includes(axis)))
      throw new ShapeError({
        who: "transpose",
        expected: `a permutation of ${this.shape.length} axes`,
        got: showShape(order),
      });
    const strides = stridesOf(this.shape);
    const shape = order.map((axis) => this.shape[axis] as number);
    const out = NDArray.zeros(shape, this.dtype);
    walk(
      shape,
      order.map((axis) => strides[axis] as number),
      (source, target) => {
        out.data[target] = this.data[source] as number;
      },
    );
    return out;
  }

  /** Rows [start, end) of the first axis. Shares memory. */
  rows(start: number, end: number): NDArray {
    const [count = 1, ...rest] = this.shape;
    if (start < 0 || end > count || start > end)
      throw new ShapeError({
        who: "rows",
        expected: `a range inside [0, ${count}]`,
        got: `[${start}, ${end})`,
      });
    const row = sizeOf(rest);
    return new NDArray(
      this.data.subarray(start * row, end * row) as Storage[DType],
      [end - start, ...rest],
      this.dtype,
    );
  }

  /** Row `index` of the first axis, that axis dropped. Shares memory. */
  row(index: number): NDArray {
    return this.rows(index, index + 1).reshape(this.shape.slice(1));
  }

  /** The rows of the first axis, that axis dropped. They share memory. */
  split(): NDArray[] {
    return Array.from({ length: this.shape[0] ?? 0 }, (_, index) => this.row(index));
  }

  sum(axes?: readonly number[], keepDims = false): NDArray {
    const rank = this.shape.length;
    const reduced = new Set(
      (axes ?? this.shape.map((_, axis) => axis)).map((a) => resolveAxis("sum", a, rank)),
    );
    const kept = this.shape.map((n, axis) => (reduced.has(axis) ? 1 : n));
    const totals = new Float64Array(sizeOf(kept));
    walk(this.shape, broadcastStrides(kept, this.shape), (target, source) => {
      totals[target] = (totals[target] as number) + (this.data[source] as number);
    });
    const shape = keepDims ? kept : this.shape.filter((_, axis) => !reduced.has(axis));
    return new NDArray(Float32Array.from(totals), shape);
  }

  mean(axes?: readonly number[], keepDims = false): NDArray {
    const total = this.sum(axes, keepDims);
    return total.mul(total.size / this.size);
  }

  /** True when no element is NaN or infinite. */
  isFinite(): boolean {
    for (let i = 0; i < this.data.length; i++) if (!Number.isFinite(this.data[i])) return false;
    return true;
  }
}

const accumulate = (total: Float64Array, factor: number, data: Storage[DType]): void => {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + factor * (data[i] as number);
};

/** Visits every index of `shape` in row-major order with the offset under `strides` and the plain position. */
const walk = (
  shape: Shape,
  strides: readonly number[],
  visit: (offset: number, position: number) => void,
): void => {
  const index = new Array<number>(shape.length).fill(0);
  const total = sizeOf(shape);
  for (let position = 0, offset = 0; position < total; position++) {
    visit(offset, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] as number;
      const next = (index[axis] as number) + 1;
      offset += stride;
      if (next < (shape[axis] as number)) {
        index[axis] = next;
        break;
      }
      offset -= next * stride;
      index[axis] = 0;
    }
  }
};

const binary = (
  who: string,
  a: NDArray,
  other: NDArray | number,
  f: (a: number, b: number) => number,
): NDArray => {
  if (typeof other === "number") return a.map((value) => f(value, other));
  if (sameShape(a.shape, other.shape)) {
    const out = new Float32Array(a.size);
    for (let i = 0; i < out.length; i++) out[i] = f(a.data[i] as number, other.data[i] as number);
    return new NDArray(out, a.shape);
  }
  const shape = broadcastShapes(who, a.shape, other.shape);
  const spread = (array: NDArray): Float32Array => {
    const out = new Float32Array(sizeOf(shape));
    walk(shape, broadcastStrides(array.shape, shape), (source, target) => {
      out[target] = array.data[source] as number;
    });
    return out;
  };
  const left = spread(a);
  const right = spread(other);
  for (let i = 0; i < left.length; i++) left[i] = f(left[i] as number, right[i] as number);
  return new NDArray(left, shape);
};
