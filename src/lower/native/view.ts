import { type Shape, sizeOf } from "../../base/index.ts";
import type { Place, Storage } from "./words.ts";

/** Numbers that lie in memory in one piece. Another value may lie in the same piece: its `of`. */
export interface Value {
  readonly id: number;
  readonly dtype: Storage;
  readonly dims: Shape;
  readonly place: Place;
  /** Of a feed, an output, or a constant the index. */
  readonly index: number;
  /** The value in whose memory it lies. */
  of: Value;
}

/** A tensor as strides over a value, in elements, by the axes that the graph knows. */
export interface View {
  readonly value: Value;
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** Strides of dense storage in which the last of an order's axes is the innermost. */
export const denseStrides = (shape: Shape, order: readonly number[]): number[] => {
  const strides = shape.map(() => 0);
  let step = 1;
  for (const axis of order.toReversed()) {
    strides[axis] = step;
    step *= shape[axis] as number;
  }
  return strides;
};

export const identity = (shape: Shape): number[] => shape.map((_, axis) => axis);

/** Images in memory have their channels innermost, as everything with positions behind channels does. */
export const channelsLast = (shape: Shape): number[] => {
  const [batch, channels, ...positions] = identity(shape);
  return [batch, ...positions, channels].filter((axis) => axis !== undefined);
};

/** Channels innermost for images, all else as it stands. */
export const usualOrder = (shape: Shape): number[] =>
  shape.length === 4 ? channelsLast(shape) : identity(shape);

/** The whole of a value as a tensor of a shape that lies in an order of its axes. */
export const lying = (
  value: Value,
  shape: Shape = value.dims,
  order: readonly number[] = identity(shape),
): View => ({
  value,
  offset: 0,
  shape,
  strides: denseStrides(shape, order),
});

/** Where the element at these indices is. */
export const offsetAt = (
  { offset, strides }: Pick<View, "offset" | "strides">,
  starts: readonly number[],
): number => starts.reduce((sum, start, axis) => sum + start * (strides[axis] as number), offset);

/** The shape of an image in blocks of channels. */
export const inBlocks = ([n = 1, c = 1, h = 1, w = 1]: Shape, block: number): number[] => [
  n,
  c / block,
  h,
  w,
  block,
];

/** An image by blocks of its channels and the channels in them. */
export const splitChannels = ({ shape, strides, ...view }: View, block: number): View => {
  const [sn, sc, sh, sw] = strides as [number, number, number, number];
  return { ...view, shape: inBlocks(shape, block), strides: [sn, block * sc, sh, sw, sc] };
};

/** Whether strides are those of an order, but for axes of size 1. */
export const liesIn = (shape: Shape, strides: readonly number[], order: readonly number[]): boolean => {
  const dense = denseStrides(shape, order);
  return shape.every((n, axis) => n === 1 || strides[axis] === dense[axis]);
};

/** Whether the view is the whole of its value, in this order of axes. */
export const isDense = ({ value, offset, shape, strides }: View, order: readonly number[]): boolean =>
  offset === 0 && sizeOf(shape) === sizeOf(value.dims) && liesIn(shape, strides, order);

/** The axes of a view from the outermost to the innermost in memory; those that do not move come first. */
export const orderOf = ({ shape, strides }: View): number[] => {
  const moves = (axis: number) => shape[axis] !== 1 && strides[axis] !== 0;
  const moving = identity(shape).filter(moves);
  moving.sort((a, b) => (strides[b] as number) - (strides[a] as number));
  return [...identity(shape).filter((axis) => !moves(axis)), ...moving];
};

/** The view under another shape, if no copy is needed. */
export const reshaped = (view: View, wanted: Shape): View | null => {
  const old = identity(view.shape).filter((axis) => view.shape[axis] !== 1);
  const sizes = old.map((axis) => view.shape[axis] as number);
  const steps = old.map((axis) => view.strides[axis] as number);
  const strides = wanted.map(() => 0);
  const own = identity(wanted).filter((axis) => wanted[axis] !== 1);
  let [i, j] = [0, 0];
  while (j < own.length) {
    // The shortest runs of old and new axes that are as many elements: the old ones must go on from one another.
    const [from, first] = [i, j];
    let before = sizes[i++] as number;
    let after = wanted[own[j++] as number] as number;
    while (before !== after)
      if (before < after) before *= sizes[i++] as number;
      else after *= wanted[own[j++] as number] as number;
    for (let k = from; k < i - 1; k++)
      if (steps[k] !== (sizes[k + 1] as number) * (steps[k + 1] as number)) return null;
    let step = steps[i - 1] as number;
    for (const axis of own.slice(first, j).reverse()) {
      strides[axis] = step;
      step *= wanted[axis] as number;
    }
  }
  return { ...view, shape: wanted, strides };
};

/** The view repeated along the axes of a larger shape, as NumPy broadcasts. */
export const broadcast = ({ value, offset, shape, strides }: View, wanted: Shape): View => {
  const missing = wanted.length - shape.length;
  return {
    value,
    offset,
    shape: wanted,
    strides: wanted.map((_, axis) => {
      const own = axis - missing;
      return own < 0 || shape[own] === 1 ? 0 : (strides[own] as number);
    }),
  };
};
