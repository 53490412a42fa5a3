import { NDArray, type Shape } from "../base/index.ts";
import { broadcastTo, concat, softmax, transposeLast } from "./operations.ts";
import { constant, type Tensor } from "./tensor.ts";

/** [batch, tokens, heads · width] → [batch, heads, tokens, width]; as it is where there is one head. */
const splitHeads = (x: Tensor, heads: number): Tensor => {
  const [batch = 0, tokens = 0] = x.shape;
  return heads === 1 ? x : x.reshape([batch, tokens, heads, -1]).transpose([0, 2, 1, 3]);
};

/** Back from {@link splitHeads}. */
const joinHeads = (x: Tensor, shape: Shape): Tensor =>
  x.shape.length === 3 ? x : x.transpose([0, 2, 1, 3]).reshape(shape);

/** Queries, keys and values by head, and the weights that each query gives to the values. */
const parts = ({ inputs, attributes: { heads, scale } }: Tensor<"attention" | "attentionGrad">) => {
  const [q, k, v] = inputs.slice(0, 3).map((x) => splitHeads(x, heads)) as [Tensor, Tensor, Tensor];
  return { q, k, v, weights: softmax(q.mul(scale).matmul(transposeLast(k))) };
};

/** Attention in terms of other operations. */
export const attend = (node: Tensor<"attention">): Tensor => {
  const { v, weights } = parts(node);
  return joinHeads(weights.matmul(v), node.shape);
};

/**
 * The gradient in q, k or v in terms of other operations. With weights P, the gradient in the scores is
 * P ∘ (dy vᵀ − δ), where δ = Σ dy ∘ y over the channels of a head (Dao et al. 2022, appendix B.2). One product gives
 * the bracket: δ is one more channel of dy, that of v is −1.
 */
export const attendBack = (node: Tensor<"attentionGrad">): Tensor => {
  const { heads, scale, wrt } = node.attributes;
  const [y, dy] = node.inputs.slice(3) as [Tensor, Tensor];
  const { q, k, v, weights } = parts(node);
  const g = splitHeads(dy, heads);
  if (wrt === "v") return joinHeads(transposeLast(weights).matmul(g), node.shape);
  const delta = splitHeads(dy.mul(y), heads).sum([-1], true);
  const minusOne = broadcastTo(constant(NDArray.full([1], -1)), [...v.shape.slice(0, -1), 1]);
  const bracket = concat([g, delta], -1).matmul(transposeLast(concat([v, minusOne], -1)));
  const scores = weights.mul(bracket);
  return joinHeads((wrt === "q" ? scores.matmul(k) : transposeLast(scores).matmul(q)).mul(scale), node.shape);
};
