import { ArgumentError, type DType, type Shape } from "../base/index.ts";
import { input, type Tensor } from "./tensor.ts";

/** Named inputs and outputs of a traced function; the nodes between are reached from the outputs. */
export interface Graph {
  readonly inputs: ReadonlyMap<string, Tensor<"input">>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** Shape and dtype of something to be fed. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype?: DType;
}
export type Named<T> = Readonly<Record<string, T>>;

/**
 * Traces a function of named tensors.
 * @param parameters leaves that the function closes over, by name: they become inputs as well
 * @throws ArgumentError when the function reaches a leaf that is neither an input nor a parameter
 */
export const trace = <S extends Named<Spec>>(
  inputs: S,
  fn: (tensors: { readonly [K in keyof S]: Tensor }) => Named<Tensor>,
  parameters: ReadonlyMap<string, Tensor<"input">> = new Map(),
): Graph => {
  const leaves = Object.entries(inputs).map(
    ([name, { shape, dtype }]) => [name, input(shape, dtype)] as const,
  );
  const outputs = new Map(Object.entries(fn(Object.fromEntries(leaves) as { [K in keyof S]: Tensor })));
  const graph = { inputs: new Map([...leaves, ...parameters]), outputs };
  const twice = [
    ...leaves.filter(([name]) => parameters.has(name)),
    ...[...outputs].filter(([name]) => graph.inputs.has(name)),
  ];
  if (twice[0])
    throw new ArgumentError({
      who: "trace",
      expected: "a name of its own for every input, parameter and output",
      got: `"${twice[0][0]}" twice`,
    });
  const known = new Set<Tensor>(graph.inputs.values());
  for (const node of topologicalOrder(outputs.values()))
    if (node.op === "input" && !known.has(node))
      throw new ArgumentError({
        who: "trace",
        expected: "a function of its inputs and its named parameters",
        got: `an unnamed leaf of shape [${node.shape.join(", ")}]`,
        hint: "pass the module's parameters as the third argument",
      });
  return graph;
};

/** Every node that the outputs depend on, inputs before users; `stop` nodes and what lies behind them left out. */
export const topologicalOrder = (outputs: Iterable<Tensor>, stop: Iterable<Tensor> = []): Tensor[] => {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>(stop);
  const stack = [...outputs].reverse().map((node) => ({ node, entered: false }));
  for (let frame = stack.pop(); frame; frame = stack.pop()) {
    const { node, entered } = frame;
    if (entered) {
      order.push(node);
      continue;
    }
    if (seen.has(node)) continue;
    seen.add(node);
    stack.push({ node, entered: true });
    for (const source of [...node.inputs].reverse())
      if (!seen.has(source)) stack.push({ node: source, entered: false });
  }
  return order;
};
