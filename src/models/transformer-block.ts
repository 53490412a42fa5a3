import type { Generator } from "../base/index.ts";
import { layerNorm, linear, projection } from "../nn/index.ts";
import { attention, gelu, split, type Tensor } from "../tensor/index.ts";

export interface AttendOptions {
  readonly channels: number;
  readonly heads: number;
  /** Width of what is attended to. */
  readonly context: number;
}

/** Attention of rows [n, tokens, channels] to a context [n, others, context] (diffusers' `Attention`). */
const attend = (random: Generator, { channels, heads, context }: AttendOptions) => {
  const to_q = projection(random, channels, channels);
  const to_k = projection(random, context, channels);
  const to_v = projection(random, context, channels);
  const to_out = [linear(random, channels, channels)] as const;
  const scale = 1 / Math.sqrt(channels / heads);
  return {
    to_q,
    to_k,
    to_v,
    to_out,
    forward: (x: Tensor, seen: Tensor): Tensor =>
      to_out[0].forward(attention(to_q.forward(x), to_k.forward(seen), to_v.forward(seen), { heads, scale })),
  };
};

/** How much wider the layer between is. */
const EXPANSION = 4;

/** Two layers, between them half of the features through a GELU times the other half (Shazeer 2020). */
const feedForward = (random: Generator, channels: number) => {
  const inner = EXPANSION * channels;
  const proj = linear(random, channels, 2 * inner);
  const out = linear(random, inner, channels);
  // biome-ignore lint/suspicious/noSparseArray: the name of the second in checkpoints is 2
  const net = [{ proj }, , out] as const;
  return {
    net,
    forward(x: Tensor): Tensor {
      const [values, gates] = split(proj.forward(x), 2, -1) as [Tensor, Tensor];
      return out.forward(values.mul(gelu(gates)));
    },
  };
};

export interface TransformerBlockOptions {
  readonly channels: number;
  readonly heads: number;
  /** Width of the states that are attended to. */
  readonly context: number;
  /** Whether the first attention too asks the states, and not the rows themselves. */
  readonly onlyCross: boolean;
}

/**
 * Attention among the rows [n, tokens, channels], attention to the states [n, others, context], then each row for
 * itself; a residual around each (Vaswani et al. 2017; diffusers' `BasicTransformerBlock`).
 */
export const transformerBlock = (
  random: Generator,
  { channels, heads, context, onlyCross }: TransformerBlockOptions,
) => {
  const norm1 = layerNorm(channels);
  const attn1 = attend(random, { channels, heads, context: onlyCross ? context : channels });
  const norm2 = layerNorm(channels);
  const attn2 = attend(random, { channels, heads, context });
  const norm3 = layerNorm(channels);
  const ff = feedForward(random, channels);
  return {
    norm1,
    attn1,
    norm2,
    attn2,
    norm3,
    ff,
    forward(x: Tensor, states: Tensor): Tensor {
      const rows = norm1.forward(x);
      const first = attn1.forward(rows, onlyCross ? states : rows).add(x);
      const second = attn2.forward(norm2.forward(first), states).add(first);
      return ff.forward(norm3.forward(second)).add(second);
    },
  };
};
