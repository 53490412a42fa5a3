import { NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import { type DecomposedOp, decompose } from "./decompositions.ts";
import { type GradientRule, gradientRules } from "./gradient-rules.ts";
import { topologicalOrder } from "./graph.ts";
import { broadcastTo } from "./operations.ts";
import { constant, type Tensor } from "./tensor.ts";
import type { OpName } from "./vocabulary.ts";

/**
 * Gradients of a scalar in each of `wrt`, as tensors of the same graph, so that they can be
 * differentiated again. Zeros where the scalar does not depend on a tensor.
 */
export const gradients = (loss: Tensor, wrt: readonly Tensor[]): Tensor[] => {
  if (loss.shape.length !== 0)
    throw new ShapeError({
      who: "gradients",
      expected: "a scalar loss",
      got: `shape ${showShape(loss.shape)}`,
      hint: "use vjp for a vector–Jacobian product",
    });
  return vjp(loss, wrt, constant(1));
};

/**
 * Vector–Jacobian product: dyᵀ dy/dx for each x of `wrt`; `dy` has y's shape. The derivatives are total: where
 * one tensor of `wrt` depends on another, the other's counts the way through it.
 */
export const vjp = (y: Tensor, wrt: readonly Tensor[], dy: Tensor): Tensor[] => {
  if (!sameShape(y.shape, dy.shape))
    throw new ShapeError({
      who: "vjp",
      expected: `dy of shape ${showShape(y.shape)}`,
      got: showShape(dy.shape),
    });
  const found = backward(y, wrt, dy, []);
  return wrt.map((x) => found.get(x) ?? broadcastTo(constant(NDArray.zeros(x.shape.map(() => 1))), x.shape));
};

/** Cotangents of everything between `wrt` and y; what lies behind a tensor of `stop` is not entered. */
const backward = (
  y: Tensor,
  wrt: readonly Tensor[],
  dy: Tensor,
  stop: readonly Tensor[],
): Map<Tensor, Tensor> => {
  const order = topologicalOrder([y], stop);
  const relevant = new Set<Tensor>(wrt);
  for (const node of order) if (node.inputs.some((source) => relevant.has(source))) relevant.add(node);
  const cotangents = new Map<Tensor, Tensor>([[y, dy]]);
  for (const node of order.reverse()) {
    const cotangent = cotangents.get(node);
    if (!cotangent || !relevant.has(node)) continue;
    inputGradients(node, cotangent).forEach((gradient, i) => {
      const source = node.inputs[i] as Tensor;
      if (!gradient || !relevant.has(source)) return;
      const sum = cotangents.get(source);
      cotangents.set(source, sum ? sum.add(gradient) : gradient);
    });
  }
  return cotangents;
};

const inputGradients = (node: Tensor, dy: Tensor): readonly (Tensor | null)[] => {
  const rule = gradientRules[node.op] as GradientRule<OpName>;
  if (rule !== "decompose") return rule(node, dy);
  const found = backward(decompose(node as Tensor<DecomposedOp>), node.inputs, dy, node.inputs);
  // An input that stands in several places gets its whole gradient once.
  return node.inputs.map((source, i) =>
    node.inputs.indexOf(source) === i ? (found.get(source) ?? null) : null,
  );
};
