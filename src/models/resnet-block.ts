import type { Generator } from "../base/index.ts";
import { conv2d, type DropoutMasks, groupNorm, linear } from "../nn/index.ts";
import { pad, silu, split, type Tensor, upsampleNearest } from "../tensor/index.ts";

export interface ResnetOptions {
  readonly from: number;
  readonly to: number;
  /** Width of the time embedding. */
  readonly time: number;
  readonly groups: number;
  readonly eps: number;
  readonly dropout: number;
  /** Whether time shifts the features, or scales and shifts them after the second normalisation. */
  readonly timeScaleShift: "default" | "scale_shift";
  readonly outputScale: number;
}

/** A residual block conditioned on time (Ho et al. 2020, appendix B; Dhariwal and Nichol 2021 for scale_shift). */
export const resnetBlock = (random: Generator, options: ResnetOptions) => {
  const { from, to, time, groups, eps, timeScaleShift, outputScale } = options;
  const scaleShift = timeScaleShift === "scale_shift";
  const norm1 = groupNorm(from, { groups, eps, silu: true });
  const conv1 = conv2d(random, from, to, { kernel: 3, padding: 1 });
  const time_emb_proj = linear(random, time, scaleShift ? 2 * to : to);
  const norm2 = groupNorm(to, { groups, eps, silu: !scaleShift });
  const conv2 = conv2d(random, to, to, { kernel: 3, padding: 1 });
  const conv_shortcut = from === to ? undefined : conv2d(random, from, to, { kernel: 1 });
  return {
    norm1,
    conv1,
    time_emb_proj,
    norm2,
    conv2,
    ...(conv_shortcut && { conv_shortcut }),
    /** x [n, from, h, w] and the activated time embedding [n, time] → [n, to, h, w]. */
    forward(x: Tensor, activatedTime: Tensor, masks?: DropoutMasks): Tensor {
      const projected = time_emb_proj.forward(activatedTime);
      const told = projected.reshape([...projected.shape, 1, 1]);
      let hidden = conv1.forward(norm1.forward(x));
      if (scaleShift) {
        const [scale, shift] = split(told, 2, 1) as [Tensor, Tensor];
        hidden = silu(norm2.forward(hidden).mul(scale.add(1)).add(shift));
      } else hidden = norm2.forward(hidden.add(told));
      const kept = masks?.apply(hidden, options.dropout) ?? hidden;
      const sum = (conv_shortcut?.forward(x) ?? x).add(conv2.forward(kept));
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

/** Twice the size: nearest pixels, then a convolution. */
export const upsample = (random: Generator, channels: number) => {
  const conv = conv2d(random, channels, channels, { kernel: 3, padding: 1 });
  return { conv, forward: (x: Tensor): Tensor => conv.forward(upsampleNearest(x, 2)) };
};
