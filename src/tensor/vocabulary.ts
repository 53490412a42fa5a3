import type { DType, NDArray, Shape } from "../base/index.ts";

/** Stride and zero padding (top, left, bottom, right) of a 2-D convolution. */
export interface ConvGeometry {
  readonly stride: number;
  readonly padding: readonly [number, number, number, number];
}

/** Group normalisation over `groups` groups of channels; `silu` applies x·sigmoid(x) to the result. */
export interface NormAttributes {
  readonly groups: number;
  readonly eps: number;
  readonly silu: boolean;
}

/** Attention in each of `heads` equal parts of the channels; scores are multiplied by `scale`. */
export interface AttentionAttributes {
  readonly heads: number;
  readonly scale: number;
}

/** The axes that a reduction takes together, left out or kept with size 1. */
export interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

type None = Readonly<Record<never, never>>;

/**
 * The closed vocabulary: every operation that a graph may hold, with its attributes. The tables over it
 * (shape rules, gradients, lowerings, reference loops of the tests) are complete by the compiler's word.
 * Layouts are NCHW for images and OIHW for convolution weights.
 */
export interface OpAttributes {
  /** A leaf fed from outside: a batch, a parameter. */
  input: { readonly shape: Shape; readonly dtype: DType };
  constant: { readonly value: NDArray };

  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  sin: None;
  cos: None;
  tanh: None;
  sigmoid: None;
  silu: None;
  relu: None;
  abs: None;
  sign: None;
  /** The same values, through which no derivative passes. */
  detach: None;
  /** 2/√π · the integral of exp(−t²) from 0 to x. */
  erf: None;

  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  /** bool: a > b, elementwise. */
  greater: None;
  /** bool: a = b, elementwise. */
  equal: None;
  /** Where the bool first input holds the second, else the third. */
  where: None;
  cast: { readonly dtype: DType };

  sum: ReduceAttributes;
  /** The largest over the axes. */
  max: ReduceAttributes;
  reshape: { readonly shape: Shape };
  transpose: { readonly order: readonly number[] };
  broadcastTo: { readonly shape: Shape };
  slice: { readonly starts: readonly number[]; readonly ends: readonly number[] };
  /** Zeros around: `before` and `after` each axis. */
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  concat: { readonly axis: number };
  /** Rows of the first input's first axis at the int32 indices. */
  gather: None;
  /** Adjoint of gather: rows of the first input added into `size` rows at the int32 indices. */
  scatterAdd: { readonly size: number };

  /** Batched matrix product over the last two axes; leading axes broadcast. */
  matmul: None;
  /** Over the last axis. */
  softmax: None;
  /** softmax(scale · q kᵀ) v over [batch, tokens, channels]. */
  attention: AttentionAttributes;
  /** Gradient of attention in one of its inputs, from (q, k, v, attention's result, dy). */
  attentionGrad: AttentionAttributes & { readonly wrt: "q" | "k" | "v" };

  /** x [n, c, h, w], weight [m, c, kh, kw], optional bias [m]. */
  conv2d: ConvGeometry;
  /** Gradient of conv2d in x, from (dy, weight); `size` is x's [h, w]. */
  conv2dInputGrad: ConvGeometry & { readonly size: readonly [number, number] };
  /** Gradient of conv2d in its weight, from (x, dy); `kernel` is its [kh, kw]. */
  conv2dWeightGrad: ConvGeometry & { readonly kernel: readonly [number, number] };
  /** Each pixel of [n, c, h, w] repeated `scale` times along height and width. */
  upsampleNearest: { readonly scale: number };
  /** x [n, c, …], scale [c], shift [c]. */
  groupNorm: NormAttributes;
  /** Gradient of groupNorm in one of its inputs, from (x, scale, shift, dy). */
  groupNormGrad: NormAttributes & { readonly wrt: "x" | "scale" | "shift" };
}

export type OpName = keyof OpAttributes;
