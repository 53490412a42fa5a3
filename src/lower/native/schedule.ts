import type { OpName, Tensor } from "../../tensor/index.ts";

/** Operations whose result is another view of their input's memory. */
export const views: ReadonlySet<OpName> = new Set(["reshape", "transpose", "broadcastTo", "slice"]);

/** What decides of an order. */
export interface Schedulable {
  /** Nodes, inputs before users. */
  readonly order: readonly Tensor[];
  /** Whether a node has a step of its own. */
  readonly stands: (node: Tensor) => boolean;
  /** Memory that a node's result takes. */
  readonly bytes: (node: Tensor) => number;
}

/**
 * The nodes that have steps, each after what it needs: in the order given, except that a node goes first that takes no
 * more memory than it sets free. A gradient in a weight then follows what it is computed from, which need not wait.
 */
export const scheduled = ({ order, stands, bytes }: Schedulable): Tensor[] => {
  const sources = sourcesOf(order, stands);
  const standing = order.filter(stands);
  const usersOf = new Map<Tensor, Tensor[]>(standing.map((node) => [node, []]));
  for (const node of standing) for (const source of sources(node)) usersOf.get(source)?.push(node);
  const waits = new Map(standing.map((node) => [node, sources(node).size]));
  const uses = new Map([...usersOf].map(([node, users]) => [node, users.length]));
  const taken = (node: Tensor): number => {
    const freed = [...sources(node)].filter((source) => uses.get(source) === 1);
    return bytes(node) - freed.reduce((sum, source) => sum + bytes(source), 0);
  };
  const done: Tensor[] = [];
  const seen = new Set<Tensor>();
  const ready = new Set(standing.filter((node) => waits.get(node) === 0));
  const take = (node: Tensor): void => {
    done.push(node);
    seen.add(node);
    ready.delete(node);
    for (const source of sources(node)) uses.set(source, (uses.get(source) as number) - 1);
    for (const user of usersOf.get(node) as Tensor[]) {
      const left = (waits.get(user) as number) - 1;
      waits.set(user, left);
      if (left === 0) ready.add(user);
    }
  };
  for (const node of standing)
    while (!seen.has(node))
      take([...ready].find((other) => sources(other).size > 0 && taken(other) <= 0) ?? node);
  return done;
};

/** The standing nodes behind a node's inputs, seen through those that have no step. */
const sourcesOf = (order: readonly Tensor[], stands: (node: Tensor) => boolean) => {
  const behind = new Map<Tensor, ReadonlySet<Tensor>>();
  for (const node of order) {
    const found = new Set<Tensor>();
    for (const source of node.inputs)
      if (stands(source)) found.add(source);
      else for (const far of behind.get(source) ?? []) found.add(far);
    behind.set(node, found);
  }
  return (node: Tensor): ReadonlySet<Tensor> => behind.get(node) as ReadonlySet<Tensor>;
};
