import { sizeOf } from "../base/index.ts";
import { type Graph, topologicalOrder } from "../tensor/index.ts";
import { expanded, isNative, lower, type NativeTarget, type Target } from "./lower.ts";
import { type Plan, readPlan } from "./native/plan-builder.ts";
import { arenaBytes, stepsOf } from "./native/plan-steps.ts";
import { bytesOf } from "./native/words.ts";

/**
 * Bytes of what a graph computes on the way to its outputs: in the native engine its arena, where what is no longer
 * needed makes room; for onnxruntime every tensor at once, of which it reuses some.
 */
export const workingBytes = (graph: Graph, target: Target): number => {
  if (isNative(target)) return arenaBytes(planOf(graph, target));
  const outputs = new Set(expanded(graph, target).outputs.values());
  return topologicalOrder(outputs)
    .filter((node) => node.op !== "input" && node.op !== "constant" && !outputs.has(node))
    .reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesOf(dtype), 0);
};

/** What running a graph takes. */
export interface Cost {
  /** Floating-point operations of convolutions, matrix products and attention. */
  readonly flop: number;
  /** Bytes of what is on the way, where what is no longer needed makes room. */
  readonly bytes: number;
}

/** What running a graph takes, as the native engine would plan it; the engine need not be there. */
export const costOf = (graph: Graph): Cost => {
  const plan = planOf(graph, { engine: "native", block: 1 });
  return { flop: stepsOf(plan).reduce((sum, { flop }) => sum + flop, 0), bytes: arenaBytes(plan) };
};

const planOf = (graph: Graph, target: NativeTarget): Plan => readPlan(lower(graph, { target })) as Plan;
