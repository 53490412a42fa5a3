import { sizeOf } from "../base/index.ts";
import { type Graph, topologicalOrder } from "../tensor/index.ts";
import { expanded, isNative, lower, type Target } from "./lower.ts";
import { type Plan, readPlan } from "./native/plan-builder.ts";
import { arenaBytes } from "./native/plan-steps.ts";
import { bytesOf } from "./native/words.ts";

/**
 * Bytes of what a graph computes on the way to its outputs: in the native engine its arena, where what is no longer
 * needed makes room; for onnxruntime every tensor at once, of which it reuses some.
 */
export const workingBytes = (graph: Graph, target: Target): number => {
  if (isNative(target)) return arenaBytes(readPlan(lower(graph, { target })) as Plan);
  const outputs = new Set(expanded(graph, target).outputs.values());
  return topologicalOrder(outputs)
    .filter((node) => node.op !== "input" && node.op !== "constant" && !outputs.has(node))
    .reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesOf(dtype), 0);
};
