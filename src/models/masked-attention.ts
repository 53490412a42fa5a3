import { NDArray } from "../base/index.ts";
import {
  type AttentionAttributes,
  attention,
  constant,
  softmax,
  type Tensor,
  transposeLast,
} from "../tensor/index.ts";

/**
 * Attention of q [n, tokens, width] to k and v [n, others, width], in each of `heads` equal parts of the width. The
 * mask, of a shape that broadcasts to [n, heads, tokens, others], is added to the scores.
 */
export const maskedAttention = (
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  attributes: AttentionAttributes,
  mask: Tensor | undefined,
): Tensor => {
  if (mask === undefined) return attention(q, k, v, attributes);
  const { heads, scale } = attributes;
  const headsOf = (x: Tensor): Tensor => {
    const [n = 0, tokens = 0] = x.shape;
    return x.reshape([n, tokens, heads, -1]).transpose([0, 2, 1, 3]);
  };
  const scores = headsOf(q.mul(scale)).matmul(transposeLast(headsOf(k)));
  const mixed = softmax(scores.add(mask)).matmul(headsOf(v));
  return mixed.transpose([0, 2, 1, 3]).reshape(q.shape);
};

/** [tokens, tokens]: 0 where a token sees itself or one before it, `hidden` where it would see a later one. */
export const causalMask = (tokens: number, hidden: number): Tensor => {
  const mask = NDArray.zeros([tokens, tokens]);
  for (let row = 0; row < tokens; row++) mask.data.fill(hidden, row * tokens + row + 1, (row + 1) * tokens);
  return constant(mask);
};
