import type { Generator } from "../base/index.ts";
import { layerNorm } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { attend, feedForward } from "./transformer-block.ts";

export interface PriorBlockOptions {
  readonly heads: number;
  /** Channels of one head. */
  readonly headWidth: number;
}

/**
 * Attention among rows [n, tokens, width], each query, key and value with a bias, then each row for itself through a
 * GELU; a residual around both (diffusers' `BasicTransformerBlock` as `PriorTransformer` sets it up).
 */
export const priorBlock = (random: Generator, options: PriorBlockOptions) => {
  const width = options.heads * options.headWidth;
  const norm1 = layerNorm(width);
  const attn1 = attend(random, { channels: width, heads: options.heads, biased: true });
  const norm3 = layerNorm(width);
  const ff = feedForward(random, width, "gelu");
  return {
    norm1,
    attn1,
    norm3,
    ff,
    forward(x: Tensor, mask: Tensor | undefined): Tensor {
      const rows = norm1.forward(x);
      const attended = attn1.forward(rows, rows, mask).add(x);
      return ff.forward(norm3.forward(attended)).add(attended);
    },
  };
};
