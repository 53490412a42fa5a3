import { sameShape } from "../../base/index.ts";
import type { OpName, Tensor } from "../../tensor/index.ts";
import type { Instruction } from "./words.ts";

/** Operations that a Map step does at every index, by its instruction; null for those that change nothing. */
export const elementwise: { readonly [K in OpName]?: Instruction | null } = {
  neg: "neg",
  exp: "exp",
  log: "log",
  sqrt: "sqrt",
  sin: "sin",
  cos: "cos",
  tanh: "tanh",
  sigmoid: "sigmoid",
  silu: "silu",
  relu: "relu",
  abs: "abs",
  sign: "sign",
  erf: "erf",
  add: "add",
  sub: "sub",
  mul: "mul",
  div: "div",
  maximum: "maximum",
  minimum: "minimum",
  greater: "greater",
  equal: "equal",
  where: "where",
  cast: null,
  detach: null,
};

export const isElementwise = (node: Tensor): boolean => node.op in elementwise;

/** How many instructions one step does at most: its registers stay in the first cache. */
const MOST = 24;

/**
 * Elementwise nodes that are computed inside the step of another, their root: those of its shape that nothing outside
 * of it uses. What is computed inside a step is never in memory.
 * @param order inputs before users
 * @param outputs nodes that have to be in memory
 */
export const fused = (
  order: readonly Tensor[],
  outputs: ReadonlySet<Tensor>,
): ReadonlyMap<Tensor, Tensor> => {
  const users = new Map<Tensor, Tensor[]>();
  for (const node of order)
    for (const source of node.inputs) users.set(source, [...(users.get(source) ?? []), node]);
  const rootOf = new Map<Tensor, Tensor>();
  const sizes = new Map<Tensor, number>();
  for (const node of order.toReversed()) {
    if (!isElementwise(node)) continue;
    const roots = new Set(
      users.get(node)?.map((user) => (isElementwise(user) ? (rootOf.get(user) ?? user) : null)),
    );
    const [root] = roots;
    const joins =
      root &&
      roots.size === 1 &&
      !outputs.has(node) &&
      users.get(node)?.every((user) => sameShape(user.shape, node.shape)) &&
      (sizes.get(root) ?? 1) < MOST;
    if (!joins) continue;
    rootOf.set(node, root);
    sizes.set(root, (sizes.get(root) ?? 1) + 1);
  }
  return rootOf;
};
