import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../../src/base/index.ts";
import {
  deviationOf,
  medianNorm,
  pairDistance,
  slicedDistance,
} from "../../../src/cli/explain/point-statistics.ts";

const points = new Generator(0).normal([200, 2]);
/** What float32 leaves of sums of a few hundred numbers. */
const FLOAT32 = 5;

describe("slicedDistance", () => {
  it("is 0 between equal sets, in whatever order and however often they are repeated", () => {
    const turned = NDArray.stack(points.split().reverse());
    expect(slicedDistance(points, turned)).toBe(0);
    expect(slicedDistance(points, NDArray.concat([points, turned]))).toBe(0);
  });

  it("is a shift over √2, since a line sees its cosine", () => {
    const shifted = points.add(NDArray.of([3, 0], [1, 2]));
    expect(slicedDistance(points, shifted)).toBeCloseTo(3 / Math.SQRT2, FLOAT32);
  });

  it("falls with the number of draws", () => {
    const draws = (n: number, seed: number) => new Generator(seed).normal([n, 2]);
    expect(slicedDistance(draws(4000, 1), draws(8000, 2))).toBeLessThan(
      slicedDistance(draws(100, 3), draws(200, 4)),
    );
  });
});

describe("other statistics of points", () => {
  it("measure pairs, spreads and norms", () => {
    expect(pairDistance(points, points.add(NDArray.of([3, 4], [1, 2])))).toBeCloseTo(5, FLOAT32);
    expect(deviationOf(NDArray.of([1, 5, -1, 5, 1, 7, -1, 7], [4, 2]))).toBeCloseTo(1, FLOAT32);
    expect(medianNorm(NDArray.of([3, 4, 0, 1, 300, 400], [3, 2]))).toBeCloseTo(5, FLOAT32);
  });
});
