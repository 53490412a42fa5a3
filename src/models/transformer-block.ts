import type { Generator } from "../base/index.ts";
import { layerNorm, linear, projection } from "../nn/index.ts";
import { gelu, split, type Tensor } from "../tensor/index.ts";
import { maskedAttention } from "./masked-attention.ts";

export interface AttendOptions {
  readonly channels: number;
  readonly heads: number;
  /** Width of what is attended to; the rows' own when absent. */
  readonly context?: number;
  /** Whether queries, keys and values have a bias. */
  readonly biased?: boolean;
}

/**
 * Attention of rows [n, tokens, channels] to a context [n, others, context], with a mask to add to the scores where
 * there is one (diffusers' `Attention`).
 */
export const attend = (
  random: Generator,
  { channels, heads, context = channels, biased = false }: AttendOptions,
) => {
  const project = biased ? linear : projection;
  const to_q = project(random, channels, channels);
  const to_k = project(random, context, channels);
  const to_v = project(random, context, channels);
  const to_out = [linear(random, channels, channels)] as const;
  const attributes = { heads, scale: 1 / Math.sqrt(channels / heads) };
  return {
    to_q,
    to_k,
    to_v,
    to_out,
    forward: (x: Tensor, seen: Tensor, mask?: Tensor): Tensor =>
      to_out[0].forward(
        maskedAttention([to_q.forward(x), to_k.forward(seen), to_v.forward(seen)], attributes, mask),
      ),
  };
};

/** How much wider the layer between is. */
const EXPANSION = 4;

/** Half of the features times a GELU of the other half (Shazeer 2020). */
const gated = (x: Tensor): Tensor => {
  const [values, gates] = split(x, 2, -1) as [Tensor, Tensor];
  return values.mul(gelu(gates));
};

/** Two layers; between them a GELU, or half of the features through one times the other half. */
export const feedForward = (random: Generator, channels: number, kind: "gelu" | "geglu") => {
  const inner = EXPANSION * channels;
  const proj = linear(random, channels, kind === "geglu" ? 2 * inner : inner);
  const out = linear(random, inner, channels);
  // biome-ignore lint/suspicious/noSparseArray: the name of the second in checkpoints is 2
  const net = [{ proj }, , out] as const;
  const activation = kind === "geglu" ? gated : gelu;
  return { net, forward: (x: Tensor): Tensor => out.forward(activation(proj.forward(x))) };
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
  const ff = feedForward(random, channels, "geglu");
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
