import { NDArray, ShapeError, showShape } from "../base/index.ts";
import { concat, maximum, pad, slice } from "./operations.ts";
import { constant, type Tensor } from "./tensor.ts";

/** Windows over images: their side, how far apart they are, and what lies around the image, less than a side. */
export interface PoolGeometry {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** How many windows fit along a side of so many pixels. */
const windows = (size: number, { kernel, stride, padding }: PoolGeometry): number =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** The k-th pixel of every window along an axis, for each k. */
const taps = (x: Tensor, axis: number, { kernel, stride }: PoolGeometry, count: number): Tensor[] => {
  const size = x.shape[axis] as number;
  // Every window is followed by a stride of pixels, of which none but the first is looked at.
  const missing = Math.max(0, kernel - 1 + count * stride - size);
  const after = x.shape.map((_, i) => (i === axis ? missing : 0));
  const longer = missing
    ? pad(
        x,
        x.shape.map(() => 0),
        after,
      )
    : x;
  return Array.from({ length: kernel }, (_, k) => {
    const from = slice(longer, axis, k, k + count * stride);
    if (stride === 1) return from;
    const split = [...x.shape.slice(0, axis), count, stride, ...x.shape.slice(axis + 1)];
    const shape = [...x.shape.slice(0, axis), count, ...x.shape.slice(axis + 1)];
    return slice(from.reshape(split), axis + 1, 0, 1).reshape(shape);
  });
};

/** One axis after the other, since sums and maxima over a square are those of its columns' over its rows. */
const pooled = (
  x: Tensor,
  geometry: PoolGeometry,
  { around, join }: { around: (x: Tensor, axis: number) => Tensor; join: (a: Tensor, b: Tensor) => Tensor },
): Tensor => {
  checkPool(x, geometry);
  return [3, 2].reduce((y, axis) => {
    const count = windows(y.shape[axis] as number, geometry);
    return taps(around(y, axis), axis, geometry, count).reduce(join);
  }, x);
};

/** The largest pixel of each window: x [n, c, h, w] → [n, c, …], as torch's `max_pool2d`. */
export const maxPool2d = (x: Tensor, geometry: PoolGeometry): Tensor => {
  const { padding } = geometry;
  // Edges repeated: a window that reaches over an edge holds it, so that its maximum stays.
  const around = (y: Tensor, axis: number): Tensor => {
    const size = y.shape[axis] as number;
    const edge = (at: number) => Array.from({ length: padding }, () => slice(y, axis, at, at + 1));
    return padding ? concat([...edge(0), y, ...edge(size - 1)], axis) : y;
  };
  return pooled(x, geometry, { around, join: maximum });
};

/** The mean of those pixels of each window that lie in the image, as torch's `avg_pool2d(count_include_pad=False)`. */
export const averagePool2d = (x: Tensor, geometry: PoolGeometry): Tensor => {
  const { padding } = geometry;
  const around = (y: Tensor, axis: number): Tensor => {
    const zeros = y.shape.map((_, i) => (i === axis ? padding : 0));
    return padding ? pad(y, zeros, zeros) : y;
  };
  const sums = pooled(x, geometry, { around, join: (a, b) => a.add(b) });
  const [, , h = 0, w = 0] = x.shape;
  const [rows, columns] = [shares(h, geometry), shares(w, geometry)];
  const weights = rows.flatMap((a) => columns.map((b) => a * b));
  return sums.mul(constant(NDArray.of(weights, [1, 1, rows.length, columns.length])));
};

/** One over how many pixels of each window lie in a side of so many. */
const shares = (size: number, geometry: PoolGeometry): number[] =>
  Array.from({ length: windows(size, geometry) }, (_, i) => {
    const start = i * geometry.stride - geometry.padding;
    return 1 / (Math.min(start + geometry.kernel, size) - Math.max(start, 0));
  });

const checkPool = ({ shape }: Tensor, geometry: PoolGeometry): void => {
  const { kernel, stride, padding } = geometry;
  const fits = shape.length === 4 && shape.slice(2).every((size) => windows(size, geometry) >= 1);
  const whole = [kernel, stride, padding].every(Number.isInteger);
  if (fits && whole && kernel >= 1 && stride >= 1 && padding >= 0 && padding < kernel) return;
  throw new ShapeError({
    who: "pooling",
    expected: "images [n, c, h, w] that a window fits in, with less around them than its side",
    got: `${showShape(shape)}, ${JSON.stringify(geometry)}`,
  });
};
