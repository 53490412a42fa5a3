import { expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { logitNormalTimes, logNormalSigmas } from "../../src/diffusion/index.ts";

const n = 10_000;
/** Mean and deviation, five standard errors of either apart at most. */
const expectNormal = (values: Float64Array, mean: number, deviation: number): void => {
  const found = values.reduce((sum, value) => sum + value, 0) / n;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - found) ** 2, 0) / n);
  expect(Math.abs(found - mean)).toBeLessThan((5 * deviation) / Math.sqrt(n));
  expect(Math.abs(spread - deviation)).toBeLessThan((5 * deviation) / Math.sqrt(2 * n));
};

test("EDM's levels have a normal logarithm", () => {
  expectNormal(logNormalSigmas(n, new Generator(0)).map(Math.log), -1.2, 1.2);
});

test("a flow's times have a normal logit", () => {
  const times = logitNormalTimes(n, new Generator(1), { mean: 0.5, deviation: 2 });
  expect(times.every((t) => t > 0 && t < 1)).toBe(true);
  expectNormal(
    times.map((t) => Math.log(t / (1 - t))),
    0.5,
    2,
  );
});
