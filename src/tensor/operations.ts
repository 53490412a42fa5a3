import { type DType, resolveAxis, type Shape, ShapeError, sameShape, showShape } from "../base/index.ts";
import { Tensor } from "./tensor.ts";
import type {
  AttentionAttributes,
  ConvGeometry,
  NormAttributes,
  OpAttributes,
  OpName,
} from "./vocabulary.ts";

/** The operations that take one float tensor and no attributes. */
type Plain = { [K in OpName]: Record<never, never> extends OpAttributes[K] ? K : never }[OpName];

const unary =
  (op: Plain) =>
  (x: Tensor): Tensor =>
    new Tensor(op, [x], {});
const binary =
  (op: Plain) =>
  (a: Tensor, b: Tensor): Tensor =>
    new Tensor(op, [a, b], {});

export const sin = unary("sin");
export const cos = unary("cos");
export const tanh = unary("tanh");
export const sigmoid = unary("sigmoid");
/** x · sigmoid(x), elementwise. */
export const silu = unary("silu");
export const relu = unary("relu");
export const abs = unary("abs");
export const sign = unary("sign");
export const erf = unary("erf");
/** Over the last axis. */
export const softmax = unary("softmax");

export const maximum = binary("maximum");
export const minimum = binary("minimum");
export const greater = binary("greater");
export const equal = binary("equal");

/** `a` where the bool condition holds, else `b`. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor =>
  new Tensor("where", [condition, a, b], {});

export const cast = (x: Tensor, dtype: DType): Tensor => new Tensor("cast", [x], { dtype });

export const broadcastTo = (x: Tensor, shape: Shape): Tensor => new Tensor("broadcastTo", [x], { shape });

/** Elements [start, end) along one axis. */
export const slice = (x: Tensor, axis: number, start: number, end: number): Tensor => {
  const along = resolveAxis("slice", axis, x.shape.length);
  const starts = x.shape.map((_, i) => (i === along ? start : 0));
  return new Tensor("slice", [x], { starts, ends: x.shape.map((n, i) => (i === along ? end : n)) });
};

/** Equal parts along one axis. */
export const split = (x: Tensor, parts: number, axis: number): Tensor[] => {
  const width = (x.shape.at(axis) as number) / parts;
  return Array.from({ length: parts }, (_, i) => slice(x, axis, i * width, (i + 1) * width));
};

/** Zeros `before` and `after` each axis. */
export const pad = (x: Tensor, before: readonly number[], after: readonly number[]): Tensor =>
  new Tensor("pad", [x], { before, after });

export const concat = (tensors: readonly Tensor[], axis: number): Tensor =>
  new Tensor("concat", tensors, { axis: resolveAxis("concat", axis, tensors[0]?.shape.length ?? 0) });

/** Rows of a table [rows, …] at int32 indices [n]: an embedding look-up. */
export const gather = (table: Tensor, indices: Tensor): Tensor => new Tensor("gather", [table, indices], {});

/** Rows [n, …] added into `size` rows of zeros at int32 indices [n]. */
export const scatterAdd = (rows: Tensor, indices: Tensor, size: number): Tensor =>
  new Tensor("scatterAdd", [rows, indices], { size });

/** Scaled dot-product attention over [batch, tokens, channels], in each of `heads` equal parts of the channels. */
export const attention = (q: Tensor, k: Tensor, v: Tensor, attributes: AttentionAttributes): Tensor =>
  new Tensor("attention", [q, k, v], attributes);

/**
 * x [n, c, h, w] with weight [m, c / groups, kh, kw] and optional bias [m] → [n, m, …]. Each group of input
 * channels makes the equal part of the output channels in its place.
 * @throws ShapeError where the channels do not fit together
 */
export const conv2d = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { groups = 1, ...geometry }: ConvGeometry & { readonly groups?: number },
): Tensor => {
  if (groups === 1) return new Tensor("conv2d", bias ? [x, weight, bias] : [x, weight], geometry);
  if ([x.shape[1] ?? 0, weight.shape[0] ?? 0].some((channels) => channels % groups !== 0))
    throw new ShapeError({
      who: "conv2d",
      expected: `channels divisible by ${groups} groups`,
      got: `${showShape(x.shape)} and weights of ${showShape(weight.shape)}`,
    });
  const partsOf = (whole: Tensor, axis: number) => split(whole, groups, axis);
  const [images, weights, biases] = [partsOf(x, 1), partsOf(weight, 0), bias && partsOf(bias, 0)];
  return concat(
    images.map((image, i) => conv2d(image, weights[i] as Tensor, biases?.[i], geometry)),
    1,
  );
};

/** The adjoint of conv2d in its image: x [n, m, …] with the weight [m, c, kh, kw] of a convolution from `size` → [n, c, ...size]. */
export const convTranspose2d = (
  x: Tensor,
  weight: Tensor,
  attributes: ConvGeometry & { readonly size: readonly [number, number] },
): Tensor => new Tensor("conv2dInputGrad", [x, weight], attributes);

/** x [n, c, h, w] → [n, c, h·scale, w·scale]. */
export const upsampleNearest = (x: Tensor, scale: number): Tensor =>
  new Tensor("upsampleNearest", [x], { scale });

/** Normalises x [n, c, …] over groups of channels, then scale [c] and shift [c], then SiLU when asked. */
export const groupNorm = (x: Tensor, scale: Tensor, shift: Tensor, attributes: NormAttributes): Tensor =>
  new Tensor("groupNorm", [x, scale, shift], attributes);

/** The last two axes swapped. */
export const transposeLast = (x: Tensor): Tensor => {
  const rank = x.shape.length;
  return x.transpose(x.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis)));
};

/** Sums a broadcast result back to `shape`: the adjoint of broadcasting. */
export const sumTo = (x: Tensor, shape: Shape): Tensor => {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, axis) =>
    axis < lead || (shape[axis - lead] === 1 && n !== 1) ? [axis] : [],
  );
  return x.sum(axes, true).reshape(shape);
};
