import type { OpName, Tensor } from "../../tensor/index.ts";
import { isElementwise } from "./fusion.ts";
import { views } from "./schedule.ts";

/**
 * What a plan computes in. `bf16`: activations and their gradients are stored in bfloat16 and products take them so;
 * sums, statistics of norms, losses, weights and their gradients stay float32. bfloat16 has float32's range, so that
 * nothing overflows or vanishes that would not in float32, and losses need no scaling.
 */
export type Precision = "fp32" | "bf16";

/** Where activations begin: what these make of images is one. */
const seeds: ReadonlySet<OpName> = new Set(["conv2d", "conv2dInputGrad"]);
/** Results that are a row or a gradient of a table or a weight. */
const ofWeights: ReadonlySet<OpName> = new Set(["conv2dWeightGrad", "gather", "scatterAdd"]);

const isReduction = (node: Tensor): node is Tensor<"sum" | "max"> => node.op === "sum" || node.op === "max";

/**
 * The nodes that a plan in bf16 stores rounded: what is computed from images and is as large as they are. Never outputs,
 * what leads to a loss, or what is made to be added up; statistics, gradients in weights and all that only time, classes
 * or weights decide are no activations.
 * @param order inputs before users
 * @param outputs nodes that lie in the caller's memory
 */
export const roundedNodes = (order: readonly Tensor[], outputs: ReadonlySet<Tensor>): ReadonlySet<Tensor> => {
  const active = new Set<Tensor>();
  for (const node of order) if (isActive(node, active)) active.add(node);
  const exact = new Set<Tensor>([...outputs, ...leadingToLosses(order), ...onlySummed(order, active)]);
  for (const node of order.toReversed())
    if (views.has(node.op) && exact.has(node)) exact.add(node.inputs[0] as Tensor);
  const rounded = new Set<Tensor>();
  for (const node of order) {
    const rounds = active.has(node) && node.dtype === "float32" && !exact.has(node) && fits(node, rounded);
    if (views.has(node.op) ? rounded.has(node.inputs[0] as Tensor) : rounds) rounded.add(node);
  }
  return rounded;
};

const isActive = (node: Tensor, active: ReadonlySet<Tensor>): boolean => {
  const own = node.inputs.filter((source) => active.has(source)).length;
  if (seeds.has(node.op)) return true;
  if (ofWeights.has(node.op) || own === 0) return false;
  if (node.op === "groupNormGrad") return (node as Tensor<"groupNormGrad">).attributes.wrt === "x";
  // Of two matrices of activations the product is a gradient in a weight; stacks of them are scores.
  if (node.op === "matmul") return own === 1 || node.shape.length > 2;
  if (isReduction(node)) {
    const { axes, keepDims } = node.attributes;
    return !keepDims && node.shape.length > 2 && !axes.includes(0); // an image of fewer pixels; others are statistics
  }
  return true;
};

/** Norms take all their images in one dtype. */
const fits = ({ op, inputs }: Tensor, rounded: ReadonlySet<Tensor>): boolean => {
  const [first, , , fourth] = inputs.map((source) => rounded.has(source));
  if (op === "groupNorm") return first === true;
  return op !== "groupNormGrad" || (first === true && fourth === true);
};

/** What a sum over all but the first axis is computed from, back to what is more than arithmetic on single numbers. */
const leadingToLosses = (order: readonly Tensor[]): ReadonlySet<Tensor> => {
  const found = new Set<Tensor>();
  for (const node of order.toReversed()) {
    const passes = isElementwise(node) || views.has(node.op) || isReduction(node);
    if (passes && (found.has(node) || isLoss(node))) for (const source of node.inputs) found.add(source);
  }
  return found;
};

/** What goes into sums that are no activations, and nowhere else. */
const onlySummed = (order: readonly Tensor[], active: ReadonlySet<Tensor>): Tensor[] => {
  const otherwise = new Set<Tensor>();
  for (const node of order.toReversed()) {
    const sums = (isReduction(node) && !active.has(node)) || (views.has(node.op) && !otherwise.has(node));
    if (!sums) for (const source of node.inputs) otherwise.add(source);
  }
  return order.filter((node) => !otherwise.has(node));
};

const isLoss = (node: Tensor): boolean =>
  isReduction(node) &&
  (node.inputs[0] as Tensor).shape.every((_, axis) => axis === 0 || node.attributes.axes.includes(axis));
