import { NDArray, type Shape, sizeOf } from "../base/index.ts";
import { broadcastTo, concat, slice, softmax, transposeLast } from "./operations.ts";
import { constant, type Tensor } from "./tensor.ts";

/** [batch, tokens, heads · width] → [batch, heads, tokens, width]; as it is where there is one head. */
const splitHeads = (x: Tensor, heads: number): Tensor => {
  const [batch = 0, tokens = 0] = x.shape;
  return heads === 1 ? x : x.reshape([batch, tokens, heads, -1]).transpose([0, 2, 1, 3]);
};

/** Back from {@link splitHeads}. */
const joinHeads = (x: Tensor, shape: Shape): Tensor =>
  x.shape.length === 3 ? x : x.transpose([0, 2, 1, 3]).reshape(shape);

type Parts = Readonly<Record<"q" | "k" | "v", Tensor>>;

/** Queries, keys and values by head. */
const parts = ({ inputs, attributes }: Tensor<"attention" | "attentionGrad">): Parts => {
  const [q, k, v] = inputs.slice(0, 3).map((x) => splitHeads(x, attributes.heads));
  return { q, k, v } as Parts;
};

/** What each query gives to the values. */
const weightsOf = ({ q, k }: Pick<Parts, "q" | "k">, scale: number): Tensor =>
  softmax(q.mul(scale).matmul(transposeLast(k)));

/** Scores that are in memory at once, in numbers: a quarter of a gigabyte, and as much for their softmax. */
const MOST_SCORES = 2 ** 26;

/** Attention in terms of other operations, for so many queries at a time that their scores are no more than `most`. */
export const attend = (node: Tensor<"attention">, most = MOST_SCORES): Tensor => {
  const { q, k, v } = parts(node);
  const { scale } = node.attributes;
  const axis = q.shape.length - 2;
  const queries = q.shape[axis] as number;
  const scores = (sizeOf(q.shape) / (q.shape.at(-1) as number)) * (k.shape[axis] as number);
  const turns = Math.min(queries, Math.ceil(scores / most));
  if (turns <= 1) return joinHeads(weightsOf({ q, k }, scale).matmul(v), node.shape);
  const size = Math.ceil(queries / turns);
  const made = Array.from({ length: Math.ceil(queries / size) }, (_, i) => {
    const some = slice(q, axis, i * size, Math.min(queries, (i + 1) * size));
    return weightsOf({ q: some, k }, scale).matmul(v);
  });
  return joinHeads(concat(made, axis), node.shape);
};

/**
 * The gradient in q, k or v in terms of other operations. With weights P, the gradient in the scores is
 * P ∘ (dy vᵀ − δ), where δ = Σ dy ∘ y over the channels of a head (Dao et al. 2022, appendix B.2). One product gives
 * the bracket: δ is one more channel of dy, that of v is −1.
 */
export const attendBack = (node: Tensor<"attentionGrad">): Tensor => {
  const { heads, scale, wrt } = node.attributes;
  const [y, dy] = node.inputs.slice(3) as [Tensor, Tensor];
  const { q, k, v } = parts(node);
  const weights = weightsOf({ q, k }, scale);
  const g = splitHeads(dy, heads);
  if (wrt === "v") return joinHeads(transposeLast(weights).matmul(g), node.shape);
  const delta = splitHeads(dy.mul(y), heads).sum([-1], true);
  const minusOne = broadcastTo(constant(NDArray.full([1], -1)), [...v.shape.slice(0, -1), 1]);
  const bracket = concat([g, delta], -1).matmul(transposeLast(concat([v, minusOne], -1)));
  const scores = weights.mul(bracket);
  return joinHeads((wrt === "q" ? scores.matmul(k) : transposeLast(scores).matmul(q)).mul(scale), node.shape);
};
