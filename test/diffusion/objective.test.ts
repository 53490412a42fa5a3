import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { simpleLoss } from "../../src/diffusion/index.ts";

test("the loss of each sample is the mean square of its own error", () => {
  const eps = NDArray.of([0, 0, 0, 0, 1, 1, 1, 1], [2, 1, 2, 2]);
  const predicted = NDArray.of([1, -1, 3, 0, 1, 1, 1, -1], [2, 1, 2, 2]);
  const losses = simpleLoss(eps, predicted);
  expect(losses.shape).toEqual([2]);
  expect([...losses.data]).toEqual([11 / 4, 1]);
});

test("samples may be single numbers", () => {
  const losses = simpleLoss(NDArray.of([0, 2], [2]), NDArray.of([3, 2], [2]));
  expect([...losses.data]).toEqual([9, 0]);
});
