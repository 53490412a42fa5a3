import { expect, test } from "vitest";
import type { Shape } from "../../src/base/index.ts";
import { lower, type Plan, readPlan, stepsOf } from "../../src/lower/index.ts";
import { attention, conv2d, gradients, type Named, type Tensor, trace } from "../../src/tensor/index.ts";

/** The steps of a function's plan. */
const steps = (
  shapes: Readonly<Record<string, Shape>>,
  make: (inputs: Named<Tensor>) => Tensor,
  block = 1,
) => {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
  const graph = trace(inputs, (leaves) => ({ y: make(leaves) }));
  return stepsOf(readPlan(lower(graph, { target: { engine: "native", block } })) as Plan);
};
const all = (leaves: Named<Tensor>) => Object.values(leaves) as [Tensor, Tensor, Tensor];

test("an elementwise step is called after all that it computes, and a layout of numbers a copy", () => {
  const x = { x: [3, 4] };
  expect(steps(x, ({ x }) => (x as Tensor).mul(2).add(1).exp())).toEqual([{ name: "mul+add+exp", flop: 0 }]);
  expect(steps(x, ({ x }) => (x as Tensor).transpose([1, 0]))).toEqual([{ name: "copy", flop: 0 }]);
});

test("a sum and a maximum are told apart", () => {
  const x = { x: [3, 40] };
  expect(steps(x, ({ x }) => (x as Tensor).sum([1])).map(({ name }) => name)).toEqual(["sum"]);
  expect(steps(x, ({ x }) => (x as Tensor).max([1])).map(({ name }) => name)).toEqual(["max"]);
});

test("a matrix product counts a multiplication and an addition for each of its terms", () => {
  expect(
    steps({ a: [5, 1, 3, 4], b: [2, 4, 6] }, (leaves) => {
      const [a, b] = all(leaves);
      return a.matmul(b);
    }),
  ).toEqual([{ name: "matmul", flop: 2 * 5 * 2 * 3 * 4 * 6 }]);
});

test("attention counts its two products", () => {
  const shapes = { q: [2, 5, 8], k: [2, 7, 8], v: [2, 7, 12] };
  const flop = 2 * 2 * 5 * 7 * (8 + 12);
  expect(
    steps(shapes, (leaves) => attention(...all(leaves), { heads: 2, scale: 1 })).filter(
      ({ name }) => name === "attention",
    ),
  ).toEqual([{ name: "attention", flop }]);
});

test("the gradient of attention is one step of five products", () => {
  const shapes = { q: [2, 5, 8], k: [2, 7, 8], v: [2, 7, 12] };
  const flop = 2 * 2 * 5 * 7 * (3 * 8 + 2 * 12);
  expect(
    steps(shapes, (leaves) => {
      const y = attention(...all(leaves), { heads: 2, scale: 1 });
      const found = gradients(y.mul(y).sum(), all(leaves)) as [Tensor, Tensor, Tensor];
      return found.map((each) => each.sum()).reduce((sum, each) => sum.add(each));
    }).filter(({ name }) => name === "attentionGrad"),
  ).toEqual([{ name: "attentionGrad", flop }]);
});

test.each([1, 8])("a convolution and its two gradients count the same terms, with blocks of %i", (block) => {
  const found = steps(
    { x: [2, 8, 9, 8], weight: [16, 8, 3, 3] },
    (leaves) => {
      const [x, weight] = all(leaves);
      const y = conv2d(x, weight, undefined, { stride: 2, padding: [1, 1, 1, 1] });
      const [dx, dweight] = gradients(y.mul(y).sum(), [x, weight]) as [Tensor, Tensor];
      return dx.sum().add(dweight.sum());
    },
    block,
  );
  // (9 + 2 − 3) / 2 + 1 rows by ⌊(8 + 2 − 3) / 2⌋ + 1 columns.
  const flop = 2 * (2 * 8 * 16 * 3 * 3) * (5 * 4);
  for (const name of ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"])
    expect(found.filter((step) => step.name === name)).toEqual([{ name, flop }]);
});
