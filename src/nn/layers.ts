import { type Generator, NDArray, type Shape, sizeOf } from "../base/index.ts";
import {
  conv2d as convolve,
  gather,
  type NormAttributes,
  groupNorm as normalise,
  Parameter,
  type Tensor,
  transposeLast,
} from "../tensor/index.ts";

/**
 * PyTorch's default for linear and convolution layers: `kaiming_uniform_(a=√5)` comes to ±1/√fan_in for the
 * weight, and the bias has the same bound. The weight is drawn first.
 */
const weightAndBias = (random: Generator, shape: Shape): { weight: Parameter; bias: Parameter } => {
  const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
  const draw = (shape: Shape) => new Parameter(random.symmetric(shape, bound));
  return { weight: draw(shape), bias: draw([shape[0] as number]) };
};

/**
 * x [..., from] → x Wᵀ + b [..., to]; weight [to, from] as in PyTorch. All rows go through one product, so that
 * the gradient in the weight is one product too, and not one for each sample with a sum behind.
 */
export const linear = (random: Generator, from: number, to: number) => {
  const { weight, bias } = weightAndBias(random, [to, from]);
  return {
    weight,
    bias,
    forward: (x: Tensor): Tensor => rowsTimes(x, weight).add(bias).reshape(widened(x, to)),
  };
};
export type Linear = ReturnType<typeof linear>;

/** x [..., from] → x Wᵀ [..., to]: {@link linear} without a bias. */
export const projection = (random: Generator, from: number, to: number) => {
  const weight = new Parameter(random.symmetric([to, from], 1 / Math.sqrt(from)));
  return { weight, forward: (x: Tensor): Tensor => rowsTimes(x, weight).reshape(widened(x, to)) };
};
export type Projection = ReturnType<typeof projection>;

/** All rows of x [..., from] times Wᵀ, [rows, to]. */
const rowsTimes = (x: Tensor, weight: Tensor): Tensor =>
  x.reshape([sizeOf(x.shape.slice(0, -1)), weight.shape[1] as number]).matmul(transposeLast(weight));

const widened = ({ shape }: Tensor, to: number): Shape => [...shape.slice(0, -1), to];

export interface ConvOptions {
  readonly kernel: number;
  readonly stride?: number;
  /** Zeros around: the same on every side. */
  readonly padding?: number;
  /** Parts of the channels that are convolved apart from each other. */
  readonly groups?: number;
}

/** A 2-D convolution of images [n, from, h, w] → [n, to, …]. */
export const conv2d = (
  random: Generator,
  from: number,
  to: number,
  { kernel, stride = 1, padding = 0, groups = 1 }: ConvOptions,
) => {
  const { weight, bias } = weightAndBias(random, [to, from / groups, kernel, kernel]);
  const geometry = { stride, padding: [padding, padding, padding, padding], groups } as const;
  return { weight, bias, forward: (x: Tensor): Tensor => convolve(x, weight, bias, geometry) };
};
export type Conv2d = ReturnType<typeof conv2d>;

/** Group normalisation of [n, channels, …], then SiLU when asked. Starts as scale 1, shift 0. */
export const groupNorm = (channels: number, attributes: NormAttributes) => {
  const weight = new Parameter(NDArray.full([channels], 1));
  const bias = new Parameter(NDArray.zeros([channels]));
  return { weight, bias, forward: (x: Tensor): Tensor => normalise(x, weight, bias, attributes) };
};
export type GroupNorm = ReturnType<typeof groupNorm>;

/** Normalisation of each row of [..., width] over its width (Ba et al. 2016). Starts as scale 1, shift 0. */
export const layerNorm = (width: number, eps = 1e-5) => {
  const weight = new Parameter(NDArray.full([width], 1));
  const bias = new Parameter(NDArray.zeros([width]));
  const forward = (x: Tensor): Tensor => {
    const rows = x.reshape([sizeOf(x.shape.slice(0, -1)), width]);
    return normalise(rows, weight, bias, { groups: 1, eps, silu: false }).reshape(x.shape);
  };
  return { weight, bias, forward };
};
export type LayerNorm = ReturnType<typeof layerNorm>;

/** Rows of a table [count, width] at int32 indices [n]; starts as standard normal. */
export const embedding = (random: Generator, count: number, width: number) => {
  const weight = new Parameter(random.normal([count, width]));
  return { weight, forward: (indices: Tensor): Tensor => gather(weight, indices) };
};
export type Embedding = ReturnType<typeof embedding>;
