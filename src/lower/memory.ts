import { NDArray, sizeOf } from "../base/index.ts";
import { type Graph, simplify, type Tensor, topologicalOrder } from "../tensor/index.ts";
import { isNative, lower, type Target } from "./lower.ts";
import { readPlan } from "./native/plan-builder.ts";
import { arenaBytes } from "./native/plan-steps.ts";

/**
 * Bytes of what a graph computes on the way to its outputs: in the native engine its arena, where what is no longer
 * needed makes room; for onnxruntime every tensor at once, of which it reuses some.
 */
export const workingBytes = (graph: Graph, target: Target): number => {
  if (isNative(target)) {
    const plan = readPlan(lower(graph, { target }));
    return plan ? arenaBytes(plan) : 0;
  }
  const outputs = new Set(simplify(graph, (op) => target[op] === "decompose").outputs.values());
  return topologicalOrder(outputs)
    .filter((node) => node.op !== "input" && node.op !== "constant" && !outputs.has(node))
    .reduce((sum, node) => sum + bytesOf(node), 0);
};

const bytesOf = ({ shape, dtype }: Tensor): number =>
  sizeOf(shape) * NDArray.zeros([0], dtype).data.BYTES_PER_ELEMENT;
