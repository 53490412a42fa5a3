import {
  broadcastShapes,
  type DType,
  isShape,
  type Shape,
  ShapeError,
  sameShape,
  showShape,
  sizeOf,
} from "../base/index.ts";
import type {
  AttentionAttributes,
  ConvGeometry,
  NormAttributes,
  OpAttributes,
  OpName,
  ReduceAttributes,
} from "./vocabulary.ts";

/** What a shape rule sees of a tensor. */
export interface Shaped {
  readonly shape: Shape;
  readonly dtype: DType;
}

type ShapeRule<K extends OpName> = (
  inputs: readonly Shaped[],
  attributes: OpAttributes[K],
  who: string,
) => Shaped;

const fail = (who: string, expected: string, got: string): never => {
  throw new ShapeError({ who, expected, got });
};

const show = (inputs: readonly Shaped[]): string =>
  inputs.map(({ dtype, shape }) => `${dtype}${showShape(shape)}`).join(", ");

const take = <N extends number>(
  who: string,
  inputs: readonly Shaped[],
  ranks: readonly (number | null)[] & { length: N },
) => {
  if (
    inputs.length !== ranks.length ||
    ranks.some((rank, i) => rank !== null && inputs[i]?.shape.length !== rank)
  )
    fail(who, `inputs of rank ${ranks.map((rank) => rank ?? "any").join(", ")}`, show(inputs));
  return inputs;
};

const dim = (shaped: Shaped | undefined, axis: number): number => shaped?.shape.at(axis) as number;

const float = (who: string, inputs: readonly Shaped[]): void => {
  if (inputs.some(({ dtype }) => dtype !== "float32")) fail(who, "float32 inputs", show(inputs));
};

const unary = (inputs: readonly Shaped[], _: unknown, who: string): Shaped => {
  take(who, inputs, [null]);
  float(who, inputs);
  return { shape: (inputs[0] as Shaped).shape, dtype: "float32" };
};

const broadcast = (who: string, inputs: readonly Shaped[]): number[] =>
  inputs.reduce<number[]>((shape, input) => broadcastShapes(who, shape, input.shape), []);

const binary = (inputs: readonly Shaped[], _: unknown, who: string): Shaped => {
  take(who, inputs, [null, null]);
  float(who, inputs);
  return { shape: broadcast(who, inputs), dtype: "float32" };
};

const comparison = (inputs: readonly Shaped[], _: unknown, who: string): Shaped => {
  take(who, inputs, [null, null]);
  if (inputs[0]?.dtype !== inputs[1]?.dtype) fail(who, "inputs of one dtype", show(inputs));
  return { shape: broadcast(who, inputs), dtype: "bool" };
};

const reduction = (inputs: readonly Shaped[], { axes, keepDims }: ReduceAttributes, who: string): Shaped => {
  const { shape } = unary(inputs, null, who);
  if (new Set(axes).size !== axes.length || axes.some((axis) => !(axis in shape)))
    fail(who, `distinct axes of a rank-${shape.length} tensor`, showShape(axes));
  const kept = shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  return { shape: keepDims ? kept : shape.filter((_, axis) => !axes.includes(axis)), dtype: "float32" };
};

const positive = (who: string, name: string, value: number): void => {
  if (!Number.isInteger(value) || value < 1) fail(who, `a ${name} of 1 or more`, String(value));
};

const sizes = (who: string, shape: Shape): Shape =>
  isShape(shape) ? shape : fail(who, "sizes of 0 or more", showShape(shape));

/** Output [h, w] of a convolution over [h, w] with a [kh, kw] kernel. */
export const convOutputSize = (
  who: string,
  [h, w]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  { stride, padding }: ConvGeometry,
): [number, number] => {
  positive(who, "stride", stride);
  if (padding.length !== 4 || !isShape(padding))
    fail(who, "paddings of 0 or more at the top, left, bottom and right", showShape(padding));
  const [top, left, bottom, right] = padding;
  const rows = Math.floor((h + top + bottom - kh) / stride) + 1;
  const columns = Math.floor((w + left + right - kw) / stride) + 1;
  if (rows < 1 || columns < 1) fail(who, `an image of at least ${kh}×${kw} with its padding`, `${h}×${w}`);
  return [rows, columns];
};

const norm = (inputs: readonly Shaped[], { groups }: NormAttributes, who: string): void => {
  float(who, inputs);
  positive(who, "number of groups", groups);
  const [x, scale, shift] = inputs;
  const channels = dim(x, 1);
  if (channels % groups !== 0) fail(who, `channels divisible by ${groups} groups`, `${channels} channels`);
  if (dim(scale, 0) !== channels || dim(shift, 0) !== channels)
    fail(who, `scale and shift of ${channels}`, show(inputs));
};

/** The shape of what is attended to. */
const attended = (inputs: readonly Shaped[], { heads }: AttentionAttributes, who: string): Shape => {
  float(who, inputs);
  positive(who, "number of heads", heads);
  const [q, k, v] = inputs as [Shaped, Shaped, Shaped];
  if (
    dim(q, 0) !== dim(k, 0) ||
    dim(k, 0) !== dim(v, 0) ||
    dim(q, 2) !== dim(k, 2) ||
    dim(k, 1) !== dim(v, 1)
  )
    fail(who, "q [b, n, d], k [b, m, d], v [b, m, e]", show(inputs));
  if (dim(q, 2) % heads !== 0 || dim(v, 2) % heads !== 0)
    fail(who, `channels divisible by ${heads} heads`, show(inputs));
  return [dim(q, 0), dim(q, 1), dim(v, 2)];
};

/** The shape and dtype of every operation's result, or a ShapeError in the user's terms. */
export const shapeRules: { readonly [K in OpName]: ShapeRule<K> } = {
  input: (_, { shape, dtype }, who) => ({ shape: sizes(who, shape), dtype }),
  constant: (_, { value }) => ({ shape: value.shape, dtype: value.dtype }),

  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  sin: unary,
  cos: unary,
  tanh: unary,
  sigmoid: unary,
  silu: unary,
  relu: unary,
  abs: unary,
  sign: unary,
  detach: unary,
  erf: unary,

  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  minimum: binary,
  greater: comparison,
  equal: comparison,
  where: (inputs, _, who) => {
    take(who, inputs, [null, null, null]);
    if (inputs[0]?.dtype !== "bool") fail(who, "a bool condition", show(inputs));
    float(who, inputs.slice(1));
    return { shape: broadcast(who, inputs), dtype: "float32" };
  },
  cast: (inputs, { dtype }, who) => ({ shape: (take(who, inputs, [null])[0] as Shaped).shape, dtype }),

  sum: reduction,
  max: (inputs, attributes, who) => {
    const [x] = inputs;
    if (attributes.axes.some((axis) => x?.shape[axis] === 0))
      fail(who, "something to choose from", show(inputs));
    return reduction(inputs, attributes, who);
  },
  reshape: (inputs, { shape }, who) => {
    const [x] = take(who, inputs, [null]) as [Shaped];
    if (sizeOf(sizes(who, shape)) !== sizeOf(x.shape))
      fail(who, `${sizeOf(x.shape)} elements`, showShape(shape));
    return { shape, dtype: x.dtype };
  },
  transpose: (inputs, { order }, who) => {
    const [x] = take(who, inputs, [order.length]) as [Shaped];
    if (!x.shape.every((_, axis) => order.includes(axis)))
      fail(who, `a permutation of ${x.shape.length} axes`, showShape(order));
    return { shape: order.map((axis) => x.shape[axis] as number), dtype: x.dtype };
  },
  broadcastTo: (inputs, { shape }, who) => {
    const [x] = take(who, inputs, [null]) as [Shaped];
    if (!sameShape(broadcastShapes(who, x.shape, shape), shape)) fail(who, showShape(shape), show(inputs));
    return { shape, dtype: x.dtype };
  },
  slice: (inputs, { starts, ends }, who) => {
    const [x] = take(who, inputs, [starts.length]) as [Shaped];
    const whole = isShape(starts) && isShape(ends) && ends.length === starts.length;
    if (!whole || !x.shape.every((n, i) => at(starts, i) < at(ends, i) && at(ends, i) <= n))
      fail(who, `ranges inside ${showShape(x.shape)}`, `${showShape(starts)} to ${showShape(ends)}`);
    return { shape: ends.map((end, i) => end - at(starts, i)), dtype: x.dtype };
  },
  pad: (inputs, { before, after }, who) => {
    const { shape } = unary(take(who, inputs, [before.length]), null, who);
    if (after.length !== before.length || !isShape(before) || !isShape(after))
      fail(
        who,
        "as many zeros as 0 or more around each axis",
        `${showShape(before)} and ${showShape(after)}`,
      );
    return { shape: shape.map((n, i) => n + at(before, i) + at(after, i)), dtype: "float32" };
  },
  concat: (inputs, { axis }, who) => {
    const [first] = inputs;
    if (!first) return fail(who, "at least one input", "none");
    if (!(axis in first.shape)) fail(who, `an axis of a rank-${first.shape.length} tensor`, String(axis));
    const differs = ({ shape, dtype }: Shaped) =>
      dtype !== first.dtype ||
      !sameShape(
        shape.map((n, i) => (i === axis ? 0 : n)),
        first.shape.map((n, i) => (i === axis ? 0 : n)),
      );
    if (inputs.some(differs)) fail(who, `inputs that differ only along axis ${axis}`, show(inputs));
    const total = inputs.reduce((sum, { shape }) => sum + at(shape, axis), 0);
    return { shape: first.shape.map((n, i) => (i === axis ? total : n)), dtype: first.dtype };
  },
  gather: (inputs, _, who) => {
    const [x, indices] = take(who, inputs, [null, 1]) as [Shaped, Shaped];
    if (indices.dtype !== "int32" || x.shape.length === 0)
      fail(who, "a table of rows and int32 indices", show(inputs));
    return { shape: [dim(indices, 0), ...x.shape.slice(1)], dtype: x.dtype };
  },
  scatterAdd: (inputs, { size }, who) => {
    const [x, indices] = take(who, inputs, [null, 1]) as [Shaped, Shaped];
    float(who, [x]);
    positive(who, "size", size);
    if (indices.dtype !== "int32" || dim(indices, 0) !== dim(x, 0))
      fail(who, "an int32 index for each row", show(inputs));
    return { shape: [size, ...x.shape.slice(1)], dtype: "float32" };
  },

  matmul: (inputs, _, who) => {
    float(who, take(who, inputs, [null, null]));
    const [a, b] = inputs as [Shaped, Shaped];
    if (a.shape.length < 2 || b.shape.length < 2 || dim(a, -1) !== dim(b, -2))
      fail(who, "[…, m, k] and [k, n] matrices", show(inputs));
    const batch = broadcastShapes(who, a.shape.slice(0, -2), b.shape.slice(0, -2));
    return { shape: [...batch, dim(a, -2), dim(b, -1)], dtype: "float32" };
  },
  softmax: (inputs, _, who) => {
    const x = unary(inputs, null, who);
    if (x.shape.length === 0) fail(who, "an axis to sum over", show(inputs));
    return x;
  },
  attention: (inputs, attributes, who) => ({
    shape: attended(take(who, inputs, [3, 3, 3]), attributes, who),
    dtype: "float32",
  }),
  attentionGrad: (inputs, attributes, who) => {
    const shape = attended(take(who, inputs, [3, 3, 3, 3, 3]), attributes, who);
    const [q, k, v, y, dy] = inputs as [Shaped, Shaped, Shaped, Shaped, Shaped];
    if (!sameShape(y.shape, shape) || !sameShape(dy.shape, shape))
      fail(who, `a result and its gradient of ${showShape(shape)}`, show(inputs));
    return { shape: { q, k, v }[attributes.wrt].shape, dtype: "float32" };
  },

  conv2d: (inputs, geometry, who) => {
    float(who, take(who, inputs, inputs.length === 3 ? [4, 4, 1] : [4, 4]));
    const [x, weight, bias] = inputs as [Shaped, Shaped, Shaped?];
    if (dim(x, 1) !== dim(weight, 1)) fail(who, `an image of ${dim(weight, 1)} channels`, show(inputs));
    if (bias && dim(bias, 0) !== dim(weight, 0)) fail(who, `a bias of ${dim(weight, 0)}`, show(inputs));
    const size = convOutputSize(who, [dim(x, 2), dim(x, 3)], [dim(weight, 2), dim(weight, 3)], geometry);
    return { shape: [dim(x, 0), dim(weight, 0), ...size], dtype: "float32" };
  },
  conv2dInputGrad: (inputs, attributes, who) => {
    float(who, take(who, inputs, [4, 4]));
    const [dy, weight] = inputs as [Shaped, Shaped];
    const size = convOutputSize(who, attributes.size, [dim(weight, 2), dim(weight, 3)], attributes);
    if (!sameShape(dy.shape.slice(1), [dim(weight, 0), ...size]))
      fail(who, `a gradient of [n, ${dim(weight, 0)}, ${size.join(", ")}]`, show(inputs));
    return { shape: [dim(dy, 0), dim(weight, 1), ...attributes.size], dtype: "float32" };
  },
  conv2dWeightGrad: (inputs, attributes, who) => {
    float(who, take(who, inputs, [4, 4]));
    const [x, dy] = inputs as [Shaped, Shaped];
    const size = convOutputSize(who, [dim(x, 2), dim(x, 3)], attributes.kernel, attributes);
    if (dim(x, 0) !== dim(dy, 0) || !sameShape(dy.shape.slice(2), size))
      fail(who, `a gradient of [${dim(x, 0)}, m, ${size.join(", ")}]`, show(inputs));
    return { shape: [dim(dy, 1), dim(x, 1), ...attributes.kernel], dtype: "float32" };
  },
  upsampleNearest: (inputs, { scale }, who) => {
    float(who, take(who, inputs, [4]));
    positive(who, "scale", scale);
    const [n, c, h, w] = (inputs[0] as Shaped).shape as [number, number, number, number];
    return { shape: [n, c, h * scale, w * scale], dtype: "float32" };
  },
  groupNorm: (inputs, attributes, who) => {
    norm(take(who, inputs, [null, 1, 1]), attributes, who);
    return { shape: (inputs[0] as Shaped).shape, dtype: "float32" };
  },
  groupNormGrad: (inputs, attributes, who) => {
    norm(take(who, inputs, [null, 1, 1, null]), attributes, who);
    const [x, scale, , dy] = inputs as [Shaped, Shaped, Shaped, Shaped];
    if (!sameShape(x.shape, dy.shape)) fail(who, `a gradient of ${showShape(x.shape)}`, show(inputs));
    return { shape: attributes.wrt === "x" ? x.shape : scale.shape, dtype: "float32" };
  },
};

const at = (values: readonly number[], index: number): number => values[index] as number;
