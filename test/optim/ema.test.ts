import { expect, test } from "vitest";
import { emaDecay } from "../../src/optim/index.ts";

test.each([
  [1, 2 / 11],
  [8, 0.5],
  [90, 0.91],
  [10_000, 0.999],
])("the decay after step %i is min(0.999, (1 + step)/(10 + step))", (step, expected) => {
  expect(emaDecay(0.999, step)).toBe(expected);
});
