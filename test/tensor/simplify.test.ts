import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  cast,
  constant,
  cos,
  type Graph,
  input,
  maximum,
  type OpName,
  pad,
  sigmoid,
  simplify,
  slice,
  type Tensor,
  tanh,
  topologicalOrder,
  trace,
  transposeLast,
} from "../../src/tensor/index.ts";
import { relativeDifference } from "./compare.ts";
import { type Doubles, interpret, toDoubles } from "./reference.ts";

// Folded constants are rounded to float32 at each fold.
const tolerance = 1e-5;

const x23 = { x: { shape: [2, 3] } };
const isConstant = (node: Tensor): node is Tensor<"constant"> => node.op === "constant";

const simplified = (fn: (x: Tensor) => Tensor) => {
  const graph = simplify(trace(x23, ({ x }) => ({ y: fn(x) })));
  const y = graph.outputs.get("y") as Tensor;
  const nodes = topologicalOrder([y]);
  const values = nodes.filter(isConstant).flatMap(({ attributes }) => [...attributes.value.data]);
  return { y, x: graph.inputs.get("x") as Tensor, ops: nodes.map(({ op }): OpName => op), values };
};

describe("what changes nothing is removed", () => {
  test.each<[string, (x: Tensor) => Tensor]>([
    ["adding 0 on either side", (x) => constant(0).add(x.add(0))],
    ["subtracting 0", (x) => x.sub(0)],
    ["multiplying by 1", (x) => x.mul(1).mul(constant(NDArray.full([2, 3], 1)))],
    ["dividing by 1", (x) => x.div(1)],
    ["two signs", (x) => x.neg().neg()],
    ["a cast to its own dtype", (x) => cast(x, "float32")],
    ["a reshape there and back", (x) => x.reshape([6]).reshape([3, 2]).reshape([2, 3])],
    ["a transpose there and back", (x) => transposeLast(transposeLast(x))],
    ["a sum over no axis", (x) => x.sum([])],
    ["a slice that is all", (x) => slice(x, 1, 0, 3)],
    ["padding by nothing", (x) => pad(x, [0, 0], [0, 0])],
  ])("%s", (_, fn) => {
    const { x, y } = simplified(fn);
    expect(y).toBe(x);
  });
});

describe("what changes numbers or shape stays", () => {
  test.each<[string, (x: Tensor) => Tensor, OpName]>([
    ["subtracting from 0", (x) => constant(0).sub(x), "sub"],
    ["dividing 1 by it", (x) => constant(1).div(x), "div"],
    ["adding zeros of a larger shape", (x) => x.add(constant(NDArray.zeros([4, 2, 3]))), "add"],
    ["a cast to another dtype", (x) => cast(cast(x, "int32"), "float32"), "cast"],
    ["a reshape", (x) => x.reshape([3, 2]), "reshape"],
    ["a multiplication by ones and a two", (x) => x.mul(constant(NDArray.of([1, 1, 2]))), "mul"],
  ])("%s", (_, fn, op) => {
    expect(simplified(fn).ops).toContain(op);
  });
});

test("two transposes become one that moves every axis the same way", () => {
  const x = input([2, 3, 4]);
  const y = x.transpose([1, 2, 0]).transpose([0, 2, 1]);
  const graph = simplify({ inputs: new Map([["x", x]]), outputs: new Map([["y", y]]) });
  const once = graph.outputs.get("y") as Tensor;
  expect(once.inputs[0]).toBe(x);
  const leaves = new Map([[x, toDoubles(new Generator(1).normal([2, 3, 4]))]]);
  expect(interpret([once], leaves)).toEqual(interpret([y], leaves));
});

test("constants are folded", () => {
  const { ops, values } = simplified((x) => x.mul(constant(2).add(3).mul(constant(4).sqrt())).add(1));
  expect(ops).toEqual(["input", "constant", "mul", "constant", "add"]);
  expect(values).toEqual([10, 1]);
});

test("a folded result may make the next step an identity", () => {
  const { x, y } = simplified((each) => each.mul(constant(2).sub(1)).add(constant(3).sub(3)));
  expect(y).toBe(x);
});

test("equal subexpressions are one, unequal attributes are not", () => {
  const twice = simplified((x) => cos(x.mul(2)).add(cos(x.mul(2))));
  expect(twice.ops.filter((op) => op === "cos")).toHaveLength(1);
  const apart = simplified((x) => x.sum([0], true).add(x.sum([1], true)));
  expect(apart.ops.filter((op) => op === "sum")).toHaveLength(2);
});

test("0 and -0 are different constants", () => {
  const { ops } = simplified((x) => x.div(0).add(x.div(-0)));
  expect(ops.filter((op) => op === "div")).toHaveLength(2);
});

test("long constants are shared when they are one array", () => {
  const [a, b] = [NDArray.full([3, 2, 3, 10], 2), NDArray.full([3, 2, 3, 10], 2)];
  const count = (...values: NDArray[]) =>
    simplified((x) =>
      values.map((v) => x.sum().mul(constant(v)).sum()).reduce((s, v) => s.add(v)),
    ).ops.filter((op) => op === "constant").length;
  expect([count(a, a), count(a, b)]).toEqual([1, 2]);
});

test("code that no output needs is left behind, unused inputs stay", () => {
  const graph = simplify(
    trace({ ...x23, unused: { shape: [1] } }, ({ x }) => {
      x.exp();
      return { y: x.neg() };
    }),
  );
  expect([...graph.inputs.keys()]).toEqual(["x", "unused"]);
  expect(topologicalOrder(graph.outputs.values()).map(({ op }) => op)).toEqual(["input", "neg"]);
});

test("inputs of one shape are not merged", () => {
  const graph = simplify(trace({ a: { shape: [2] }, b: { shape: [2] } }, ({ a, b }) => ({ y: a.sub(b) })));
  const y = graph.outputs.get("y") as Tensor;
  expect(y.inputs[0]).not.toBe(y.inputs[1]);
});

/** A random graph of thirty steps over a matrix, its transpose, constants and reductions. */
const randomGraph = (seed: number): Graph => {
  const generator = new Generator(seed);
  const pick = <T>(list: readonly T[]): T => list[generator.integers(0, list.length, []).item()] as T;
  const [x, w] = [input([3, 3]), input([3])];
  const numbers = [0, 1, -1, 2, 0.5].map((value) => constant(value));
  const pool: Tensor[] = [x, w, ...numbers, constant(generator.normal([3, 3]))];
  const steps: ((a: Tensor, b: Tensor) => Tensor)[] = [
    (a, b) => a.add(b),
    (a, b) => a.sub(b),
    (a, b) => tanh(a).mul(b),
    (a, b) => a.div(b.mul(b).add(1)),
    (a) => a.neg(),
    (a) => sigmoid(a).sqrt(),
    (a, b) => maximum(a, b),
    (a) => a.transpose(),
    (a) => a.reshape([-1]).reshape(a.shape),
    (a) => a.sum([], true),
    (a) =>
      a.mean(
        a.shape.map((_, axis) => axis),
        true,
      ),
    (a) => tanh(a).exp(),
  ];
  for (let i = 0; i < 30; i++) pool.push(pick(steps)(pick(pool), pick(pool)));
  return {
    inputs: new Map([
      ["x", x],
      ["w", w],
    ]),
    outputs: new Map(pool.slice(-4).map((node, i) => [`y${i}`, node])),
  };
};

test.each(Array.from({ length: 40 }, (_, seed) => seed))("random graph %i keeps its values", (seed) => {
  const graph = randomGraph(seed);
  const simple = simplify(graph);
  const generator = new Generator(seed + 500);
  const leaves = new Map(
    [...graph.inputs.values()].map((leaf) => [leaf, toDoubles(generator.normal(leaf.shape))] as const),
  );
  const [before, after] = [graph, simple].map(({ outputs }) => [...outputs.values()]) as [Tensor[], Tensor[]];
  const expected = interpret(before, leaves);
  interpret(after, leaves).forEach((got, i) => {
    expect(relativeDifference(got, expected[i] as Doubles)).toBeLessThan(tolerance);
  });
  expect(topologicalOrder(after).length).toBeLessThanOrEqual(topologicalOrder(before).length);
  const again = [...simplify(simple).outputs.values()];
  expect(again.every((node, i) => node === after[i])).toBe(true);
});
