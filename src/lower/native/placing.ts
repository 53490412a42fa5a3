import type { Tensor } from "../../tensor/index.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { Value, View } from "./view.ts";
import type { Instruction, Storage } from "./words.ts";

/** An instruction of a Map step, with its operands as registers. */
export interface Line {
  readonly instruction: Instruction;
  readonly operands: readonly number[];
}

/** What the steps of an operation ask of the planner: where its inputs are, and where its result goes. */
export interface Placing {
  readonly plan: PlanBuilder;
  /** Every node, inputs before users. */
  readonly order: readonly Tensor[];
  /** Statistics that norms left, by what they are of. */
  readonly norms: { readonly key: readonly unknown[]; readonly statistics: Value }[];
  /** Channels that lie together in images in blocks. */
  readonly block: number;
  /** How a node's numbers are stored. */
  storage(node: Tensor): Storage;
  /** Where a node's numbers are. */
  view(node: Tensor): View;
  /** The node's numbers in one piece, in an order of its axes: as they stand when absent. */
  dense(node: Tensor, order?: readonly number[]): Value;
  /** The value stored in another way, if it is not so already. */
  stored(value: Value, as: Storage): Value;
  /** Memory for a node's result in an order of its axes. */
  result(node: Tensor, order?: readonly number[]): Value;
  /** Whether an image's channels fill blocks. */
  fits(node: Tensor): boolean;
  /** Whether an image lies in blocks already. */
  isBlocked(node: Tensor): boolean;
  /** An image in blocks, [n, c / block, h, w, block]. */
  blocked(node: Tensor): Value;
  blockedResult(node: Tensor): Value;
  copy(from: View, to: View): void;
  /** A Map step over the box of a view. */
  map(inputs: readonly View[], lines: readonly Line[], to: View): void;
}
