import type { Generator } from "../base/index.ts";
import { attention, concat, Parameter, slice, type Tensor, transposeLast } from "../tensor/index.ts";
import { projections } from "./attention.ts";
import { linear } from "./layers.ts";

export interface AttentionPoolOptions {
  readonly channels: number;
  /** Channels of one head; what `channels` has beyond whole heads is left to the projections. */
  readonly headWidth: number;
  /** Pixels of the images that it pools, each of which has a place of its own. */
  readonly tokens: number;
  readonly outputs: number;
}

/**
 * Images [n, channels, h, w] of h · w = `tokens` pixels as vectors [n, outputs]: their mean asks all pixels and itself
 * (Radford et al. 2021, section 2.4, as Dhariwal and Nichol 2021 end their classifiers).
 */
export const attentionPool = (
  random: Generator,
  { channels, headWidth, tokens, outputs }: AttentionPoolOptions,
) => {
  const positional_embedding = new Parameter(random.normal([tokens + 1, channels]).div(Math.sqrt(channels)));
  const heads = Math.floor(channels / headWidth);
  const { to_q, to_k, to_v } = projections(random, channels, heads * headWidth);
  const to_out = [linear(random, heads * headWidth, outputs)] as const;
  return {
    positional_embedding,
    to_q,
    to_k,
    to_v,
    to_out,
    forward(x: Tensor): Tensor {
      const n = x.shape[0] as number;
      const pixels = transposeLast(x.reshape([n, channels, tokens]));
      const all = concat([pixels.mean([1], true), pixels], 1).add(positional_embedding);
      const mean = slice(all, 1, 0, 1);
      const seen = attention(to_q.forward(mean), to_k.forward(all), to_v.forward(all), {
        heads,
        scale: 1 / Math.sqrt(headWidth),
      });
      return to_out[0].forward(seen.reshape([n, heads * headWidth]));
    },
  };
};
