import { type NDArray, sameShape, showShape } from "../base/index.ts";
import { type DecomposedOp, decompose } from "./decompositions.ts";
import { type Graph, topologicalOrder } from "./graph.ts";
import { constant, Tensor } from "./tensor.ts";
import type { OpName } from "./vocabulary.ts";

/** Host arithmetic for operations whose inputs are all constants. */
const folds: { readonly [K in OpName]?: (inputs: readonly NDArray[], node: Tensor<K>) => NDArray } = {
  neg: ([a]) => (a as NDArray).neg(),
  exp: ([a]) => (a as NDArray).exp(),
  log: ([a]) => (a as NDArray).log(),
  sqrt: ([a]) => (a as NDArray).sqrt(),
  add: ([a, b]) => (a as NDArray).add(b as NDArray),
  sub: ([a, b]) => (a as NDArray).sub(b as NDArray),
  mul: ([a, b]) => (a as NDArray).mul(b as NDArray),
  div: ([a, b]) => (a as NDArray).div(b as NDArray),
  reshape: ([a], { shape }) => (a as NDArray).reshape(shape),
  transpose: ([a], { attributes }) => (a as NDArray).transpose(attributes.order),
  sum: ([a], { attributes }) => (a as NDArray).sum(attributes.axes, attributes.keepDims),
};

const isUniform = (node: Tensor | undefined, value: number): boolean =>
  node?.op === "constant" && (node as Tensor<"constant">).attributes.value.data.every((x) => x === value);

/** `x` where the other operand is a uniform `value` that changes neither numbers nor shape. */
const dropUniform =
  (value: number, sides: readonly (0 | 1)[]) =>
  (node: Tensor): Tensor | null => {
    for (const side of sides) {
      const x = node.inputs[1 - side] as Tensor;
      if (isUniform(node.inputs[side], value) && sameShape(x.shape, node.shape)) return x;
    }
    return null;
  };

const sameAsInput = (node: Tensor): Tensor | null => {
  const x = node.inputs[0] as Tensor;
  return sameShape(x.shape, node.shape) && x.dtype === node.dtype ? x : null;
};

const only = (node: Tensor): Tensor => node.inputs[0] as Tensor;

/** Rewrites that give the same numbers with fewer operations; null where none applies. */
const identities: { readonly [K in OpName]?: (node: Tensor<K>) => Tensor | null } = {
  add: dropUniform(0, [0, 1]),
  sub: dropUniform(0, [1]),
  mul: dropUniform(1, [0, 1]),
  div: dropUniform(1, [1]),
  neg: (node) => (only(node).op === "neg" ? only(only(node)) : null),
  cast: sameAsInput,
  broadcastTo: sameAsInput,
  slice: sameAsInput,
  pad: sameAsInput,
  reshape: (node) => {
    if (sameAsInput(node)) return only(node);
    return only(node).op === "reshape" ? only(only(node)).reshape(node.shape) : null;
  },
  sum: (node) => (node.attributes.axes.length === 0 ? only(node) : null),
  transpose: (node) => {
    const { order } = node.attributes;
    if (order.every((axis, i) => axis === i)) return only(node);
    if (only(node).op !== "transpose") return null;
    const inner = (only(node) as Tensor<"transpose">).attributes.order;
    return only(only(node)).transpose(order.map((axis) => inner[axis] as number));
  },
};

/**
 * The same function with constants folded, identities removed, equal subexpressions shared, and nodes
 * that no output needs left behind.
 * @param expands says which operations are rewritten by their decomposition
 */
export const simplify = (graph: Graph, expands: (op: OpName) => boolean = () => false): Graph => {
  const canon = new Canon(expands);
  for (const leaf of graph.inputs.values()) canon.keep(leaf);
  for (const node of topologicalOrder(graph.outputs.values())) canon.visit(node);
  return {
    inputs: graph.inputs,
    outputs: new Map([...graph.outputs].map(([name, node]) => [name, canon.of(node)])),
  };
};

/** Maps each node to the one node that stands for its value. */
class Canon {
  private readonly chosen = new Map<Tensor, Tensor>();
  private readonly byKey = new Map<string, Tensor>();
  private readonly ids = new Map<Tensor, number>();
  private readonly expands: (op: OpName) => boolean;

  constructor(expands: (op: OpName) => boolean) {
    this.expands = expands;
  }

  of(node: Tensor): Tensor {
    return this.chosen.get(node) ?? node;
  }

  keep(node: Tensor): Tensor {
    if (!this.ids.has(node)) this.ids.set(node, this.ids.size);
    this.chosen.set(node, node);
    return node;
  }

  visit(node: Tensor): Tensor {
    const known = this.chosen.get(node);
    if (known) return known;
    const inputs = node.inputs.map((source) => this.visit(source));
    const rebuilt = inputs.every((source, i) => source === node.inputs[i])
      ? node
      : new Tensor(node.op, inputs, node.attributes);
    const result = this.expands(node.op)
      ? this.visit(decompose(rebuilt as Tensor<DecomposedOp>))
      : this.shared(reduce(rebuilt), rebuilt);
    this.chosen.set(node, result);
    return result;
  }

  private shared(reduced: Tensor, original: Tensor): Tensor {
    if (reduced !== original) return this.visit(reduced);
    const key = keyOf(reduced, (source) => this.ids.get(source) as number);
    const twin = this.byKey.get(key);
    if (twin) return twin;
    this.byKey.set(key, reduced);
    return this.keep(reduced);
  }
}

const reduce = (node: Tensor): Tensor => {
  const simpler = (identities[node.op] as ((node: Tensor) => Tensor | null) | undefined)?.(node);
  if (simpler) return simpler;
  const fold = folds[node.op] as ((inputs: readonly NDArray[], node: Tensor) => NDArray) | undefined;
  if (!fold || node.inputs.some(({ op }) => op !== "constant")) return node;
  return constant(
    fold(
      node.inputs.map((source) => (source as Tensor<"constant">).attributes.value),
      node,
    ),
  );
};

/** Constants are told apart by their numbers; long ones by identity. */
const identity = new WeakMap<NDArray, number>();
let constants = 0;
const constantKey = (value: NDArray): string => {
  if (value.size <= 64) return `${value.dtype}${showShape(value.shape)}${Array.from(value.data, bits)}`;
  const id = identity.get(value) ?? constants++;
  identity.set(value, id);
  return `#${id}`;
};

/** Tells 0 from -0. */
const bits = (x: number): string => (Object.is(x, -0) ? "-0" : String(x));

const keyOf = (node: Tensor, id: (source: Tensor) => number): string => {
  const attributes =
    node.op === "constant"
      ? constantKey((node as Tensor<"constant">).attributes.value)
      : JSON.stringify(node.attributes);
  return `${node.op}(${node.inputs.map(id).join()})${attributes}`;
};
