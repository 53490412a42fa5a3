import { expect, test } from "vitest";
import { ArgumentError, NDArray } from "../../src/base/index.ts";
import { input, Parameter, topologicalOrder, trace } from "../../src/tensor/index.ts";

test("a trace names its inputs, parameters and outputs", () => {
  const weight = new Parameter(NDArray.of([1, 2]));
  const graph = trace(
    { x: { shape: [3, 2] }, label: { shape: [3], dtype: "int32" } },
    ({ x }) => ({ y: x.mul(weight) }),
    new Map([["weight", weight]]),
  );
  expect([...graph.inputs.keys()]).toEqual(["x", "label", "weight"]);
  expect(graph.inputs.get("label")?.dtype).toBe("int32");
  expect(graph.inputs.get("weight")).toBe(weight);
  expect(graph.outputs.get("y")?.shape).toEqual([3, 2]);
});

test("a leaf that nobody named is refused with a way out", () => {
  const stranger = input([4, 1]);
  const make = () => trace({ x: { shape: [4, 1] } }, ({ x }) => ({ y: x.add(stranger).sum() }));
  expect(make).toThrow(ArgumentError);
  expect(make).toThrow("an unnamed leaf of shape [4, 1]\n  hint: pass the module's parameters");
});

test("one name for two things is refused", () => {
  expect(() => trace({ x: { shape: [1] } }, ({ x }) => ({ x: x.neg() }))).toThrow(
    'trace: expected a name of its own for every input, parameter and output, got "x" twice',
  );
  const w = new Parameter(NDArray.of([1]));
  expect(() => trace({ w: { shape: [1] } }, (t) => ({ y: t.w.add(w) }), new Map([["w", w]]))).toThrow(
    '"w" twice',
  );
});

test("the order puts inputs before users and each node once", () => {
  const x = input([1]);
  const shared = x.exp();
  const [a, b] = [shared.add(x), shared.mul(shared)];
  const order = topologicalOrder([a, b]);
  expect(order).toHaveLength(4);
  for (const node of order)
    for (const source of node.inputs) expect(order.indexOf(source)).toBeLessThan(order.indexOf(node));
});

test("what lies behind a stop is left out", () => {
  const x = input([1]);
  const h = x.exp();
  const y = h.neg();
  expect(topologicalOrder([y], [h])).toEqual([y]);
});

test("a chain of a hundred thousand nodes does not exhaust the stack", () => {
  let y = input([1]).neg();
  for (let i = 0; i < 100_000; i++) y = y.neg();
  expect(topologicalOrder([y])).toHaveLength(100_002);
});
