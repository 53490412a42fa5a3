import type { NDArray } from "../base/index.ts";
import { type DecomposedOp, decompose, type Graph, type Tensor, topologicalOrder } from "../tensor/index.ts";
import { type PlanOptions, planned } from "./native/planner.ts";
import { OnnxBuilder } from "./onnx-builder.ts";
import { type Lowering, portable } from "./portable.ts";

type AnyRule = "decompose" | ((onnx: OnnxBuilder, inputs: readonly string[], node: Tensor) => string);

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
}

/** A graph as an ONNX file, or a plan, for a target. */
export const lower = (graph: Graph, { target = portable, ...options }: LowerOptions = {}): Uint8Array =>
  isNative(target)
    ? planned(graph, { ...options, block: target.block, precision: target.precision })
    : lowered(graph, { target, ...options }).finish();

/** A graph as the nodes of an ONNX file. */
export const lowered = (
  graph: Graph,
  { target = portable, weights = new Map() }: LowerOptions<Lowering> = {},
): OnnxBuilder => {
  const onnx = new OnnxBuilder();
  const names = new Map<Tensor, string>();
  for (const [name, leaf] of graph.inputs) {
    const value = weights.get(name);
    if (value) onnx.weight(name, value);
    else onnx.input(name, leaf.dtype, leaf.shape);
    names.set(leaf, name);
  }
  const emit = (outputs: Iterable<Tensor>): void => {
    for (const node of topologicalOrder(outputs, names.keys())) {
      const rule = target[node.op] as AnyRule;
      if (rule === "decompose") {
        const primitive = decompose(node as Tensor<DecomposedOp>);
        emit([primitive]);
        names.set(node, nameOf(primitive));
      } else names.set(node, rule(onnx, node.inputs.map(nameOf), node));
    }
  };
  const nameOf = (node: Tensor): string => names.get(node) as string;
  emit(graph.outputs.values());
  for (const [name, node] of graph.outputs) onnx.output(name, nameOf(node), node.dtype, node.shape);
  return onnx;
};
