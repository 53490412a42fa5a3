import type { NDArray } from "../base/index.ts";
import { type Graph, simplify, type Tensor, topologicalOrder } from "../tensor/index.ts";
import { type PlanOptions, planned } from "./native/planner.ts";
import { OnnxBuilder } from "./onnx-builder.ts";
import { type Lowering, portable } from "./portable.ts";

type Rule = (onnx: OnnxBuilder, inputs: readonly string[], node: Tensor) => string;

/** What a graph becomes: an ONNX file by a lowering, or a plan for the native engine. */
export type Target = Lowering | NativeTarget;

export interface NativeTarget extends Pick<PlanOptions, "block" | "precision"> {
  readonly engine: "native";
}

export const isNative = (target: Target): target is NativeTarget => "engine" in target;

export interface LowerOptions<T extends Target = Target> {
  readonly target?: T;
  /** Inputs by name that become constants of the file, which lets onnxruntime lay them out once. */
  readonly weights?: ReadonlyMap<string, NDArray>;
  /** Names of inputs that are fixed too, but stay where they are: who opens the file, or plan, has them. */
  readonly held?: ReadonlySet<string>;
}

/** A graph as an ONNX file, or a plan, for a target. */
export const lower = (graph: Graph, { target = portable, ...options }: LowerOptions = {}): Uint8Array =>
  isNative(target)
    ? planned(graph, { ...options, block: target.block, precision: target.precision })
    : lowered(graph, { target, ...options }).finish();

/** A graph of what the target has rules for: all else is decomposed, and what that repeats is shared. */
export const expanded = (graph: Graph, target: Lowering): Graph =>
  simplify(graph, (op) => target[op] === "decompose");

/** A graph as the nodes of an ONNX file. */
export const lowered = (
  given: Graph,
  { target = portable, weights = new Map(), held = new Set() }: LowerOptions<Lowering> = {},
): OnnxBuilder => {
  const graph = expanded(given, target);
  const onnx = new OnnxBuilder();
  const names = new Map<Tensor, string>();
  for (const [name, leaf] of graph.inputs) {
    const value = weights.get(name);
    if (held.has(name)) onnx.hold(name, leaf.dtype, leaf.shape);
    else if (value) onnx.weight(name, value);
    else onnx.input(name, leaf.dtype, leaf.shape);
    names.set(leaf, name);
  }
  const nameOf = (node: Tensor): string => names.get(node) as string;
  for (const node of topologicalOrder(graph.outputs.values(), names.keys()))
    names.set(node, (target[node.op] as Rule)(onnx, node.inputs.map(nameOf), node));
  for (const [name, node] of graph.outputs) onnx.output(name, nameOf(node), node.dtype, node.shape);
  return onnx;
};
