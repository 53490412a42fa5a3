import type { Generator } from "../base/index.ts";
import { attention, type Tensor } from "../tensor/index.ts";
import { groupNorm, linear } from "./layers.ts";

export interface SelfAttentionOptions {
  readonly channels: number;
  /** Channels of one head; what `channels` has beyond whole heads is left to the projections. */
  readonly headWidth: number;
  /** Groups of the normalisation before; none when null. */
  readonly groups: number | null;
  readonly eps: number;
  /** The sum of image and attention is divided by it. */
  readonly outputScale: number;
}

/** What asks, what answers and what is answered, in the order in which weights are drawn. */
export const projections = (random: Generator, inputs: number, outputs: number) => ({
  to_q: linear(random, inputs, outputs),
  to_k: linear(random, inputs, outputs),
  to_v: linear(random, inputs, outputs),
});

/** Self-attention over the pixels of [n, c, h, w] with a residual (diffusers' `Attention` on images). */
export const selfAttention = (
  random: Generator,
  { channels, headWidth, groups, eps, outputScale }: SelfAttentionOptions,
) => {
  const group_norm = groups === null ? undefined : groupNorm(channels, { groups, eps, silu: false });
  const heads = Math.floor(channels / headWidth);
  const { to_q, to_k, to_v } = projections(random, channels, heads * headWidth);
  const to_out = [linear(random, heads * headWidth, channels)] as const;
  return {
    ...(group_norm && { group_norm }),
    to_q,
    to_k,
    to_v,
    to_out,
    forward(x: Tensor): Tensor {
      const [n, , h, w] = x.shape as [number, number, number, number];
      const tokens = h * w;
      const rows = (group_norm ? group_norm.forward(x) : x)
        .reshape([n, channels, tokens])
        .transpose([0, 2, 1]);
      const mixed = attention(to_q.forward(rows), to_k.forward(rows), to_v.forward(rows), {
        heads,
        scale: 1 / Math.sqrt(headWidth),
      });
      const image = to_out[0].forward(mixed).transpose([0, 2, 1]).reshape(x.shape);
      const sum = image.add(x);
      return outputScale === 1 ? sum : sum.div(outputScale);
    },
  };
};
export type SelfAttention = ReturnType<typeof selfAttention>;
