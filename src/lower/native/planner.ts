import { type NDArray, type Shape, sameShape, sizeOf } from "../../base/index.ts";
import { type Graph, type Tensor, topologicalOrder } from "../../tensor/index.ts";
import { elementwise, fused } from "./fusion.ts";
import { type Kernel, kernels } from "./kernels.ts";
import type { Line, Placing } from "./placing.ts";
import { PlanBuilder, type Word } from "./plan-builder.ts";
import { type Precision, roundedNodes } from "./precision.ts";
import { scheduled, views } from "./schedule.ts";
import {
  broadcast,
  channelsLast,
  denseStrides,
  identity,
  inBlocks,
  isDense,
  liesIn,
  lying,
  offsetAt,
  orderOf,
  reshaped,
  splitChannels,
  usualOrder,
  type Value,
  type View,
} from "./view.ts";
import { bytesOf, floatBits, type Instruction, instructions, type Storage } from "./words.ts";

/**
 * A graph as a plan for the native engine. Tensors are strided views of values, so that most transpositions, slices and
 * reshapes move nothing; images lie with their channels innermost, or in blocks of them, from one convolution to the
 * next.
 */
export const planned = (graph: Graph, options: PlanOptions): Uint8Array =>
  new Planner(graph, options).finish();

export interface PlanOptions {
  readonly weights?: ReadonlyMap<string, NDArray>;
  /** Names of inputs that are fixed too, but not in the plan: who opens it has them. */
  readonly held?: ReadonlySet<string>;
  /**
   * Channels that lie together in images whose channels are a multiple of it, as oneDNN's kernels for the processor
   * have them: 8 for AVX2, where that makes convolutions 1.5 times as fast; 1 for channels innermost throughout.
   */
  readonly block: number;
  /** `fp32` when absent. */
  readonly precision?: Precision | undefined;
}

/** Whether every number of one view is where that of the other is, were their values one. */
const overlies = (a: View, b: View): boolean =>
  a.offset === 0 &&
  b.offset === 0 &&
  sizeOf(a.value.dims) === sizeOf(b.shape) &&
  sizeOf(b.value.dims) === sizeOf(b.shape) &&
  b.shape.every((n, axis) => n === 1 || a.strides[axis] === b.strides[axis]);

class Planner implements Placing {
  readonly plan = new PlanBuilder();
  readonly order: readonly Tensor[];
  readonly norms: { readonly key: readonly unknown[]; readonly statistics: Value }[] = [];
  readonly block: number;
  readonly #graph: Graph;
  readonly #rootOf: ReadonlyMap<Tensor, Tensor>;
  readonly #rounded: ReadonlySet<Tensor>;
  readonly #known = new Map<Tensor, View>();
  /** Images in blocks of channels, [n, c / block, h, w, block]. */
  readonly #blocked = new Map<Tensor, Value>();
  readonly #copies = new Map<View, Map<string, Value>>();
  /** Names of outputs by their node, each a place of the caller's where its result may go at once. */
  readonly #outputs: ReadonlyMap<Tensor, readonly string[]>;
  readonly #written = new Set<string>();

  constructor(graph: Graph, { weights = new Map(), held = new Set(), block, precision }: PlanOptions) {
    this.#graph = graph;
    this.block = block;
    for (const [name, leaf] of graph.inputs) {
      const weight = weights.get(name);
      const port = { name, dtype: leaf.dtype, shape: leaf.shape };
      const value = held.has(name)
        ? this.plan.held(port)
        : weight
          ? this.plan.constant(weight)
          : this.plan.port("feed", port);
      this.#known.set(leaf, lying(value, leaf.shape));
    }
    const names = new Map<Tensor, string[]>();
    for (const [name, node] of graph.outputs) names.set(node, [...(names.get(node) ?? []), name]);
    this.#outputs = names;
    this.order = topologicalOrder(graph.outputs.values());
    const { order } = this;
    const outputs = new Set(graph.outputs.values());
    this.#rootOf = fused(order, outputs);
    this.#rounded = precision === "bf16" ? roundedNodes(order, outputs) : new Set();
    const stands = (node: Tensor) =>
      !this.#rootOf.has(node) && !views.has(node.op) && node.op !== "input" && node.op !== "constant";
    const bytes = (node: Tensor) =>
      outputs.has(node) ? 0 : sizeOf(node.shape) * bytesOf(this.storage(node));
    for (const node of scheduled({ order, stands, bytes })) this.#emit(node);
  }

  finish(): Uint8Array {
    for (const [name, node] of this.#graph.outputs) if (!this.#written.has(name)) this.#copyTo(name, node);
    return this.plan.finish();
  }

  storage(node: Tensor): Storage {
    return this.#rounded.has(node) ? "bfloat16" : node.dtype;
  }

  /** Where a node's numbers are. Views and constants come into being when they are first asked for. */
  view(node: Tensor): View {
    const known = this.#known.get(node);
    if (known) return known;
    const view = this.#viewOf(node);
    this.#known.set(node, view);
    return view;
  }

  /** Whether an image's channels fill blocks. */
  fits({ shape, dtype }: Tensor): boolean {
    return (
      this.block > 1 && shape.length === 4 && (shape[1] as number) % this.block === 0 && dtype === "float32"
    );
  }

  isBlocked(node: Tensor): boolean {
    return this.#blocked.has(node);
  }

  /** An image in blocks. Channels cut from one in blocks stay in theirs. */
  blocked(node: Tensor): Value {
    const known = this.#blocked.get(node);
    if (known) return known;
    const from = this.#blocksOf(node);
    const value = this.plan.arena(from.value.dtype, inBlocks(node.shape, this.block));
    this.copy(from, lying(value));
    this.#blocked.set(node, value);
    return value;
  }

  /** Memory for an image in blocks. */
  blockedResult(node: Tensor): Value {
    const value = this.plan.arena(this.storage(node), inBlocks(node.shape, this.block));
    this.#blocked.set(node, value);
    return value;
  }

  /** What is to be copied for an image in blocks. */
  #blocksOf(node: Tensor): View {
    const source = node.inputs[0] as Tensor;
    if (node.op === "slice" && this.#blocked.has(source)) {
      const { starts } = (node as Tensor<"slice">).attributes;
      const whole = lying(this.#blocked.get(source) as Value, inBlocks(source.shape, this.block));
      const [n, c, h, w] = starts as [number, number, number, number];
      const offsets = [n, c / this.block, h, w, 0];
      if (c % this.block === 0)
        return { ...whole, shape: inBlocks(node.shape, this.block), offset: offsetAt(whole, offsets) };
    }
    return splitChannels(this.view(node), this.block);
  }

  /** The node's numbers in one piece, in an order of its axes. */
  dense(node: Tensor, order: readonly number[] = identity(node.shape)): Value {
    return this.#gathered(this.view(node), order);
  }

  /** Memory for a node's result in an order of its axes: the caller's, if that is the order of an output. */
  result(node: Tensor, order: readonly number[] = identity(node.shape)): Value {
    const dims = order.map((axis) => node.shape[axis] as number);
    const strides = denseStrides(node.shape, order);
    const name = this.#outputs.get(node)?.[0];
    const value =
      name !== undefined && liesIn(node.shape, strides, identity(node.shape))
        ? this.plan.under(this.#output(name, node), dims)
        : this.plan.arena(this.storage(node), dims);
    this.#known.set(node, lying(value, node.shape, order));
    return value;
  }

  #output(name: string, { dtype, shape }: Tensor): Value {
    this.#written.add(name);
    return this.plan.port("output", { name, dtype, shape });
  }

  #copyTo(name: string, node: Tensor): void {
    const view = this.view(node);
    this.copy(view, lying(this.#output(name, node), node.shape));
  }

  #viewOf(node: Tensor): View {
    const blocks = this.#blocked.get(node);
    if (blocks) {
      const order = channelsLast(node.shape);
      const value = this.plan.arena(
        blocks.dtype,
        order.map((axis) => node.shape[axis] as number),
      );
      const view = lying(value, node.shape, order);
      this.copy(lying(blocks), splitChannels(view, this.block));
      return view;
    }
    if (node.op === "constant") {
      const { value } = (node as Tensor<"constant">).attributes;
      return lying(this.plan.constant(value), value.shape);
    }
    const from = this.view(node.inputs[0] as Tensor);
    if (node.op === "broadcastTo") return broadcast(from, node.shape);
    if (node.op === "transpose") {
      const { order } = (node as Tensor<"transpose">).attributes;
      return { ...from, shape: node.shape, strides: order.map((axis) => from.strides[axis] as number) };
    }
    if (node.op === "slice") {
      const { starts } = (node as Tensor<"slice">).attributes;
      return { ...from, offset: offsetAt(from, starts), shape: node.shape };
    }
    const plain = reshaped(from, node.shape);
    if (plain) return plain;
    const value = this.#gathered(from, identity(from.shape));
    return lying(this.plan.under(value, node.shape), node.shape);
  }

  #gathered(view: View, order: readonly number[]): Value {
    const dims = order.map((axis) => view.shape[axis] as number);
    if (isDense(view, order)) return this.plan.under(view.value, dims);
    const copies = this.#copies.get(view) ?? new Map<string, Value>();
    this.#copies.set(view, copies);
    const known = copies.get(order.join());
    if (known) return known;
    const value = this.plan.arena(view.value.dtype, dims);
    this.copy(view, lying(value, view.shape, order));
    copies.set(order.join(), value);
    return value;
  }

  stored(value: Value, as: Storage): Value {
    if (value.dtype === as) return value;
    const copy = this.plan.arena(as, value.dims);
    this.copy(lying(value), lying(copy));
    return copy;
  }

  copy(from: View, to: View): void {
    this.map([from], [{ instruction: "copy", operands: [0] }], to);
  }

  /** A Map step over the box of a view, walked in the order in which that lies in memory. */
  map(inputs: readonly View[], lines: readonly Line[], to: View): void {
    const order = orderOf(to);
    const steps = ({ strides }: View) => order.map((axis) => strides[axis] as number);
    const body: Word[] = [order.length, ...order.map((axis) => to.shape[axis] as number)];
    body.push(to.value, to.offset, ...steps(to), inputs.length);
    for (const input of inputs) body.push(input.value, input.offset, ...steps(input));
    body.push(lines.length);
    for (const { instruction, operands } of lines) {
      const [a = 0, b = 0, c = 0] = operands;
      body.push(instructions[instruction], a, b, c);
    }
    // What else of the step is in the same memory must be walked the same way, or it is overwritten before it is read.
    const walked = ({ value }: View) =>
      inputs.filter((other) => other.value.of === value.of).every((other) => overlies(other, to));
    this.plan.map(
      body,
      to.value,
      inputs.filter(walked).map(({ value }) => value),
    );
  }

  #emit(node: Tensor): void {
    if (this.#known.has(node) || this.#blocked.has(node)) return;
    if (node.op in elementwise) this.#compute(node);
    else (kernels[node.op] as Kernel)(this, node);
  }

  /** An operand of a step over an image in blocks: itself so, where it is as large; what is repeated stays. */
  #partInBlocks(leaf: Tensor, shape: Shape): View {
    if (sameShape(leaf.shape, shape) && leaf.dtype === "float32" && leaf.op !== "broadcastTo") {
      const value = this.blocked(leaf);
      return lying(value);
    }
    return splitChannels(broadcast(this.view(leaf), shape), this.block);
  }

  /** An elementwise node and those that it is the root of. */
  #compute(root: Tensor): void {
    const leaves: Tensor[] = [];
    const register = new Map<Tensor, number>();
    const inside: Tensor[] = [];
    const visit = (node: Tensor): void => {
      if (register.has(node) || inside.includes(node)) return;
      if (node !== root && this.#rootOf.get(node) !== root) {
        if (isNumber(node)) return;
        register.set(node, leaves.push(node) - 1);
        return;
      }
      for (const source of node.inputs) visit(source);
      inside.push(node);
    };
    visit(root);
    const lines: Line[] = [];
    const add = (line: Line): number => leaves.length + lines.push(line) - 1;
    const operand = (node: Tensor): number => {
      const found = register.get(node);
      if (found !== undefined) return found;
      const value = (node as Tensor<"constant">).attributes.value.data[0] as number;
      const made = add({ instruction: "constant", operands: [floatBits(value)] });
      register.set(node, made);
      return made;
    };
    for (const node of inside) {
      const instruction = elementwise[node.op] ?? conversion(node);
      const operands = node.inputs.map(operand);
      register.set(node, instruction ? add({ instruction, operands }) : (operands[0] as number));
    }
    if (lines.length === 0) add({ instruction: "copy", operands: [0] });
    if (this.fits(root) && !this.#outputs.has(root) && leaves.some((leaf) => this.isBlocked(leaf))) {
      const parts = leaves.map((leaf) => this.#partInBlocks(leaf, root.shape));
      const value = this.blockedResult(root);
      this.map(parts, lines, lying(value));
      return;
    }
    const inputs = leaves.map((leaf) => broadcast(this.view(leaf), root.shape));
    const order = this.#outputs.has(root) ? identity(root.shape) : orderLike(inputs, root.shape);
    const value = this.result(root, order);
    this.map(inputs, lines, lying(value, root.shape, order));
  }
}

/** The order in which the first input lies that is not repeated. */
const orderLike = (inputs: readonly View[], shape: Shape): number[] => {
  const whole = inputs.find(({ strides }) => shape.every((n, axis) => n === 1 || strides[axis] !== 0));
  if (whole) return orderOf(whole);
  return usualOrder(shape);
};

/** A constant that is one number goes into the step itself. */
const isNumber = (node: Tensor): boolean =>
  node.op === "constant" && (node as Tensor<"constant">).attributes.value.size === 1;

/** What a cast computes beyond the conversion of what is loaded and stored. */
const conversion = (node: Tensor): Instruction | null => {
  if (node.op !== "cast" || node.dtype === node.inputs[0]?.dtype) return null;
  if (node.dtype === "float32") return null;
  return node.dtype === "bool" ? "notZero" : "truncate";
};
