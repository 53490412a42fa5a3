import { expect, test } from "vitest";
import { emaDecay, updateEma } from "../../src/optim/index.ts";

test.each([
  [1, 2 / 11],
  [8, 0.5],
  [90, 0.91],
  [10_000, 0.999],
])("the decay after step %i is min(0.999, (1 + step)/(10 + step))", (step, expected) => {
  expect(emaDecay(0.999, step)).toBe(expected);
});

test("the average moves towards the parameters by 1 − decay", () => {
  const [average, parameters] = [Float32Array.of(0, 8), Float32Array.of(4, 8)];
  updateEma(average, parameters, 0.75);
  expect([...average]).toEqual([1, 8]);
  expect([...parameters]).toEqual([4, 8]);
});

test("decay 0 copies, decay 1 keeps", () => {
  const average = Float32Array.of(1);
  updateEma(average, Float32Array.of(5), 1);
  expect(average[0]).toBe(1);
  updateEma(average, Float32Array.of(5), 0);
  expect(average[0]).toBe(5);
});
