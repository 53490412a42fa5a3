import { describe, expect, test } from "vitest";
import { Generator, NDArray, ShapeError } from "../../src/base/index.ts";
import { attention, constant, gradients, input, type Tensor, vjp } from "../../src/tensor/index.ts";
import { allCases } from "./cases.ts";
import { relativeDifference } from "./compare.ts";
import { type Doubles, doubles, interpret, toDoubles } from "./reference.ts";

// Central differences of float64: h² of truncation and 1e-16/h of rounding, both about 1e-10 here. Constants
// inside decompositions are float32, which costs 6e-8.
const step = 1e-5;
const tolerance = 1e-6;

type Leaves = ReadonlyMap<Tensor, Doubles>;
const scalar = (y: Tensor, leaves: Leaves): number => interpret([y], leaves)[0]?.data[0] as number;

/** The gradient of a scalar in one leaf, element by element. */
const differences = (y: Tensor, leaf: Tensor, leaves: Leaves): Doubles => {
  const { shape, data } = leaves.get(leaf) as Doubles;
  const moved = (i: number, by: number) =>
    scalar(y, new Map(leaves).set(leaf, doubles(shape, data.with(i, (data[i] as number) + by))));
  return doubles(
    shape,
    Array.from(data, (_, i) => (moved(i, step) - moved(i, -step)) / (2 * step)),
  );
};

const expectGradients = (y: Tensor, wrt: readonly Tensor[], leaves: Leaves): void => {
  const found = interpret(gradients(y, wrt), leaves);
  wrt.forEach((leaf, i) => {
    expect(relativeDifference(found[i] as Doubles, differences(y, leaf, leaves))).toBeLessThan(tolerance);
  });
};

/** Σ node·weight with random weights: a scalar that sees every element of the result. */
const weighted = (node: Tensor, seed: number): Tensor =>
  node.mul(constant(new Generator(seed).normal(node.shape))).sum();

const leavesOf = (values: ReadonlyMap<Tensor, NDArray>): Leaves =>
  new Map([...values].map(([leaf, value]) => [leaf, toDoubles(value)] as const));

/** Cases with something to differentiate; a rule without a gradient must agree as well (sign: zero), but detach's. */
const differentiable = allCases.filter(
  ({ title, node, values }) =>
    node.dtype === "float32" &&
    [...values.keys()].some(({ dtype }) => dtype === "float32") &&
    !/with ties|^sign of \[3\]|^detach/.test(title),
);
const floatsOf = ({ values }: (typeof allCases)[number]) =>
  [...values.keys()].filter(({ dtype }) => dtype === "float32");

describe("gradients agree with finite differences", () => {
  test.each(differentiable)("$title", (each) => {
    expectGradients(weighted(each.node, 1), floatsOf(each), leavesOf(each.values));
  });
});

/** The derivative of a scalar along random directions of its leaves: a few evaluations see every element. */
const expectDirectional = (y: Tensor, wrt: readonly Tensor[], leaves: Leaves): void => {
  const found = interpret(gradients(y, wrt), leaves);
  for (const seed of [11, 12, 13]) {
    const generator = new Generator(seed);
    const directions = wrt.map(({ shape }) => toDoubles(generator.normal(shape)));
    const moved = (by: number): number =>
      scalar(
        y,
        new Map([
          ...leaves,
          ...wrt.map((leaf, i) => [leaf, shift(leaves.get(leaf), directions[i], by)] as const),
        ]),
      );
    const products = found.flatMap(({ data }, i) =>
      Array.from(data, (g, k) => g * (directions[i]?.data[k] as number)),
    );
    const slope = products.reduce((sum, x) => sum + x, 0);
    const size = products.reduce((sum, x) => sum + Math.abs(x), 1);
    expect(Math.abs(slope - (moved(step) - moved(-step)) / (2 * step)) / size).toBeLessThan(tolerance);
  }
};

const shift = (from: Doubles | undefined, direction: Doubles | undefined, by: number): Doubles => {
  const { shape, data } = from as Doubles;
  return { shape, data: data.map((x, k) => x + by * (direction?.data[k] as number)) };
};

describe("gradients of gradients agree with finite differences", () => {
  test.each(differentiable)("$title", (each) => {
    const floats = floatsOf(each);
    const first = gradients(weighted(each.node, 1), floats);
    const sum = first.map((gradient, i) => weighted(gradient, i + 2)).reduce((a, b) => a.add(b));
    expectDirectional(sum, floats, leavesOf(each.values));
  });
});

test("on a tie, maximum and minimum give half to each", () => {
  for (const title of ["maximum with ties", "minimum with ties"]) {
    const { node, values } = allCases.find((each) => each.title === title) as (typeof allCases)[number];
    const [first, second] = interpret(gradients(node.sum(), [...values.keys()]), leavesOf(values));
    expect([first?.data[1], second?.data[1]]).toEqual([0.5, 0.5]);
    expect([...(first?.data ?? [])].map((x, i) => x + (second?.data[i] as number))).toEqual([1, 1, 1, 1]);
  }
});

test("on a tie, max gives its share to each of the largest", () => {
  const { node, values } = allCases.find(
    ({ title }) => title === "max with ties",
  ) as (typeof allCases)[number];
  const [gradient] = interpret(gradients(node.sum(), [...values.keys()]), leavesOf(values));
  expect(gradient).toEqual(doubles([2, 3], [0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]));
});

test("one tensor in several places of a fused operation gets its whole gradient", () => {
  const x = input([1, 3, 2]);
  const leaves = new Map([[x, doubles([1, 3, 2], [0.3, -1, 2, 0.7, -0.4, 1.1])]]);
  expectGradients(weighted(attention(x, x, x, { heads: 1, scale: 0.7 }), 1), [x], leaves);
});

test("inputs of a fused operation that depend on each other keep their own gradients", () => {
  const x = input([1, 2, 3]);
  const leaves = new Map([[x, toDoubles(new Generator(3).normal([1, 2, 3]))]]);
  const k = x.mul(x);
  expectGradients(weighted(attention(x, k, k.add(x), { heads: 1, scale: 0.7 }), 1), [x], leaves);
});

test("a tensor and one computed from it both get total derivatives", () => {
  const x = input([]);
  const h = x.mul(3);
  const [inX, inH] = interpret(gradients(h.mul(h).add(x), [x, h]), new Map([[x, doubles([], [2])]]));
  expect([inX?.data[0], inH?.data[0]]).toEqual([37, 12]);
});

test("a loss is its own derivative's one, a stranger's derivative is zero", () => {
  const [x, stranger] = [input([]), input([2, 3])];
  const loss = x.mul(x);
  const [self, none] = interpret(gradients(loss, [loss, stranger]), new Map([[x, doubles([], [2])]]));
  expect([...(self?.data ?? [])]).toEqual([1]);
  expect(none).toEqual(doubles([2, 3], new Array(6).fill(0)));
});

test("the gradient of what is no scalar is refused, with a way out", () => {
  expect(() => gradients(input([2]), [])).toThrow(
    "gradients: expected a scalar loss, got shape [2]\n  hint: use vjp",
  );
  expect(() => vjp(input([2]), [], input([3]))).toThrow("vjp: expected dy of shape [2], got [3]");
  expect(() => gradients(input([2]), [])).toThrow(ShapeError);
});

test("nothing is derived through what is detached", () => {
  const x = input([2]);
  const [gradient] = gradients(x.mul(x.detach()).sum(), [x]) as [Tensor];
  const leaves: Leaves = new Map([[x, toDoubles(NDArray.of([3, -2]))]]);
  expect([...(interpret([gradient], leaves)[0]?.data ?? [])]).toEqual([3, -2]); // of x alone, not 2 x
});
