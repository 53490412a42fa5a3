import { describe, expect, test } from "vitest";
import { axisOf } from "../../src/formats/axis.ts";

describe("an axis", () => {
  test("places values in proportion, with room at both ends", () => {
    const { share } = axisOf("linear", [0, 5, 10]);
    expect(share(5)).toBeCloseTo(0.5);
    expect(share(0)).toBeGreaterThan(0.05);
    expect(share(10) + share(0)).toBeCloseTo(1);
  });

  test("of logarithms places exponents in proportion", () => {
    const { share } = axisOf("log", [1, 10, 100]);
    expect(share(10)).toBeCloseTo(0.5);
  });

  test.each([
    ["linear", [-0.1, 0.7], [0, 0.2, 0.4, 0.6]],
    ["linear", [3, 41], [0, 10, 20, 30, 40]],
    ["log", [9, 80], [10, 20, 50]],
    ["log", [2, 5000], [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]],
    ["log", [1e-6, 1e5], [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4, 1e5]],
  ] as const)("is labelled at round numbers, %s %j", (scale, values, expected) => {
    const { ticks } = axisOf(scale, values);
    expect(ticks).toEqual(expected);
  });

  test.each(["linear", "log"] as const)("of one value has it in the middle, %s", (scale) => {
    expect(axisOf(scale, [3]).share(3)).toBeCloseTo(0.5);
  });
});
