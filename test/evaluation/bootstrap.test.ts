import { describe, expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { meanEstimate, quantile, resamplings, withInterval } from "../../src/evaluation/bootstrap.ts";

test("each resampling has as many images as there are", () => {
  const drawn = resamplings(7, new Generator(1), 20);
  expect(drawn).toHaveLength(20);
  for (const counts of drawn) expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
  expect(new Set(drawn.map(String)).size).toBeGreaterThan(15);
});

test("a quantile lies between the values around it", () => {
  expect([0, 0.25, 0.5, 0.75, 1].map((at) => quantile([1, 2, 4], at))).toEqual([1, 1.5, 2, 3, 4]);
});

test("an interval lies around the estimate, whatever all replicates are above it", () => {
  const replicates = Array.from({ length: 201 }, (_, i) => 10 + i);
  expect(withInterval(5, replicates)).toEqual({ value: 5, interval: [-90, 100] });
});

describe("meanEstimate", () => {
  test("is the mean, within twice its standard error on either side", () => {
    const values = [...new Generator(3).normal([400]).data];
    const mean = values.reduce((sum, value) => sum + value, 0) / 400;
    const { value, interval } = meanEstimate(values, new Generator(4));
    expect(value).toBeCloseTo(mean, 12);
    const [low, high] = interval ?? [0, 0];
    const error = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 399 / 400);
    // 200 replicates know a standard deviation to 5%, and their outer quantiles to twice that.
    for (const side of [value - low, high - value])
      expect(Math.abs(side / (1.96 * error) - 1)).toBeLessThan(0.3);
  });

  test("of equal values has no width", () => {
    expect(meanEstimate([2, 2, 2], new Generator(1))).toEqual({ value: 2, interval: [2, 2] });
  });
});
