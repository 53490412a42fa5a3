import type { Generator } from "../base/index.ts";
import { layerNorm, linear } from "../nn/index.ts";
import { gelu, type Tensor } from "../tensor/index.ts";
import { maskedAttention } from "./masked-attention.ts";

export interface PriorBlockOptions {
  readonly heads: number;
  /** Channels of one head. */
  readonly headWidth: number;
}

/** How much wider the layer between is. */
const EXPANSION = 4;

const attend = (random: Generator, { heads, headWidth }: PriorBlockOptions) => {
  const width = heads * headWidth;
  const [to_q, to_k, to_v] = [0, 1, 2].map(() => linear(random, width, width)) as [Linear, Linear, Linear];
  const to_out = [linear(random, width, width)] as const;
  const attributes = { heads, scale: 1 / Math.sqrt(headWidth) };
  return {
    to_q,
    to_k,
    to_v,
    to_out,
    forward: (x: Tensor, mask: Tensor | undefined): Tensor =>
      to_out[0].forward(
        maskedAttention([to_q.forward(x), to_k.forward(x), to_v.forward(x)], attributes, mask),
      ),
  };
};
type Linear = ReturnType<typeof linear>;

const feedForward = (random: Generator, width: number) => {
  const proj = linear(random, width, EXPANSION * width);
  const out = linear(random, EXPANSION * width, width);
  // biome-ignore lint/suspicious/noSparseArray: the name of the second in checkpoints is 2
  const net = [{ proj }, , out] as const;
  return { net, forward: (x: Tensor): Tensor => out.forward(gelu(proj.forward(x))) };
};

/**
 * Attention among rows [n, tokens, width], each query, key and value with a bias, then each row for itself through a
 * GELU; a residual around both (diffusers' `BasicTransformerBlock` as `PriorTransformer` sets it up).
 */
export const priorBlock = (random: Generator, options: PriorBlockOptions) => {
  const width = options.heads * options.headWidth;
  const norm1 = layerNorm(width);
  const attn1 = attend(random, options);
  const norm3 = layerNorm(width);
  const ff = feedForward(random, width);
  return {
    norm1,
    attn1,
    norm3,
    ff,
    forward(x: Tensor, mask: Tensor | undefined): Tensor {
      const attended = attn1.forward(norm1.forward(x), mask).add(x);
      return ff.forward(norm3.forward(attended)).add(attended);
    },
  };
};
