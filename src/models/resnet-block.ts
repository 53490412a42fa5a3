import type { Generator, Shape } from "../base/index.ts";
import {
  type Activation,
  activations,
  conv2d,
  type DropoutMasks,
  type GroupNorm,
  groupNorm,
  linear,
} from "../nn/index.ts";
import {
  type NormAttributes,
  pad,
  silu,
  slice,
  split,
  type Tensor,
  upsampleNearest,
} from "../tensor/index.ts";

export interface ResnetOptions {
  readonly from: number;
  readonly to: number;
  /** Width of the time embedding; null for a block that is told no time. */
  readonly time: number | null;
  /** Groups of the first normalisation. */
  readonly groups: number;
  /** Groups of the second. */
  readonly groupsOut: number;
  readonly eps: number;
  readonly activation: Activation;
  readonly dropout: number;
  /** Whether time shifts the features, or scales and shifts them after the second normalisation. */
  readonly timeScaleShift: "default" | "scale_shift";
  readonly outputScale: number;
  /** Another size on the way, for the features before the first convolution and for the image beside. */
  readonly resample?: ((x: Tensor) => Tensor) | undefined;
  /** Whether the image beside is convolved; where channels change when absent. */
  readonly shortcut?: boolean | undefined;
}

/** A normalisation with the activation behind it; SiLU is a part of the normalisation. */
const activatedNorm = (
  channels: number,
  attributes: Omit<NormAttributes, "silu">,
  activation: (x: Tensor) => Tensor,
): GroupNorm => {
  const norm = groupNorm(channels, { ...attributes, silu: activation === silu });
  return activation === silu ? norm : { ...norm, forward: (x) => activation(norm.forward(x)) };
};

/** A residual block, conditioned on time where it is told one (Ho et al. 2020, appendix B; Dhariwal and Nichol 2021 for scale_shift). */
export const resnetBlock = (random: Generator, options: ResnetOptions) => {
  const { from, to, time, groups, groupsOut, eps, timeScaleShift, outputScale } = options;
  const { resample = (x: Tensor) => x, shortcut = from !== to } = options;
  const activation = activations[options.activation];
  const scaleShift = timeScaleShift === "scale_shift";
  const norm1 = activatedNorm(from, { groups, eps }, activation);
  const conv1 = conv2d(random, from, to, { kernel: 3, padding: 1 });
  const time_emb_proj = time === null ? undefined : linear(random, time, scaleShift ? 2 * to : to);
  const norm2 = scaleShift
    ? groupNorm(to, { groups: groupsOut, eps, silu: false })
    : activatedNorm(to, { groups: groupsOut, eps }, activation);
  const conv2 = conv2d(random, to, to, { kernel: 3, padding: 1 });
  const conv_shortcut = shortcut ? conv2d(random, from, to, { kernel: 1 }) : undefined;
  return {
    norm1,
    conv1,
    ...(time_emb_proj && { time_emb_proj }),
    norm2,
    conv2,
    ...(conv_shortcut && { conv_shortcut }),
    /** x [n, from, h, w] and the activated time embedding [n, time] → [n, to, …]. */
    forward(x: Tensor, activatedTime?: Tensor, masks?: DropoutMasks): Tensor {
      const projected = activatedTime && time_emb_proj?.forward(activatedTime);
      const told = projected?.reshape([...projected.shape, 1, 1]);
      let hidden = conv1.forward(resample(norm1.forward(x)));
      if (scaleShift && told) {
        const [scale, shift] = split(told, 2, 1) as [Tensor, Tensor];
        hidden = activation(norm2.forward(hidden).mul(scale.add(1)).add(shift));
      } else hidden = norm2.forward(told ? hidden.add(told) : hidden);
      const kept = masks?.apply(hidden, options.dropout) ?? hidden;
      const beside = resample(x);
      const sum = (conv_shortcut?.forward(beside) ?? beside).add(conv2.forward(kept));
      return outputScale === 1 ? sum : sum.div(outputScale);
    },
  };
};
export type ResnetBlock = ReturnType<typeof resnetBlock>;

/** Half the size by a convolution of stride 2; `padding` 0 pads one row and column at the end alone. */
export const downsample = (random: Generator, channels: number, padding: 0 | 1) => {
  const conv = conv2d(random, channels, channels, { kernel: 3, stride: 2, padding });
  return {
    conv,
    forward: (x: Tensor): Tensor => conv.forward(padding === 0 ? pad(x, [0, 0, 0, 0], [0, 0, 1, 1]) : x),
  };
};

/**
 * Twice the size: nearest pixels, then a convolution. Where a level above has odd sides, `above` is the shape of its
 * features, and the last row or column is left out.
 */
export const upsample = (random: Generator, channels: number) => {
  const conv = conv2d(random, channels, channels, { kernel: 3, padding: 1 });
  return {
    conv,
    forward(x: Tensor, above: Shape = []): Tensor {
      const twice = upsampleNearest(x, 2);
      const [h, w] = [2, 3].map((axis) => Math.min(twice.shape[axis] as number, above[axis] ?? Infinity));
      return conv.forward(slice(slice(twice, 2, 0, h as number), 3, 0, w as number));
    },
  };
};
