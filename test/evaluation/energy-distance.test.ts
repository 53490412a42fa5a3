import { describe, expect, test } from "vitest";
import { NDArray, NonFiniteError, ShapeError } from "../../src/base/index.ts";
import { distanceSums, energyOf } from "../../src/evaluation/energy-distance.ts";
import { energyDistance } from "../../src/evaluation/index.ts";
import { normals } from "./sets.ts";

/** Sums of float64 in another order, and squared distances by inner products. */
const ROUNDING = 1e-10;

const line = (values: readonly number[]): NDArray => NDArray.of(values, [values.length, 1]);

const apart = (a: NDArray, b: NDArray): number =>
  Math.hypot(...[...a.data].map((value, k) => value - (b.data[k] as number)));

/** The mean over all pairs of rows. */
const meanApart = (a: readonly NDArray[], b: readonly NDArray[]): number =>
  a.reduce((sum, x) => sum + b.reduce((inner, y) => inner + apart(x, y), 0), 0) / (a.length * b.length);

const byLoops = (a: readonly NDArray[], b: readonly NDArray[]): number =>
  2 * meanApart(a, b) - meanApart(a, a) - meanApart(b, b);

describe("energyDistance", () => {
  test.each([
    [2, 2, 1],
    [5, 3, 4],
    [6, 9, 2],
  ])("of %i samples and %i references in %i dimensions is its definition in loops", async (n, m, d) => {
    const [a, b] = [normals(n, n, d), normals(m + 10, m, d).mul(1.5)];
    expect(Math.abs((await energyDistance(a, b)) - byLoops(a.split(), b.split()))).toBeLessThan(ROUNDING);
  });

  test("on a line is the square of scipy.stats.energy_distance, 1.17.1", async () => {
    const found = await energyDistance(line([0, 1, 3]), line([5, 6, 8, -2]));
    expect(Math.abs(found - 3.9583333333333335)).toBeLessThan(ROUNDING);
  });

  test("of a set to itself in another order is 0", async () => {
    const set = normals(5, 33, 4);
    const turned = NDArray.stack(set.split().reverse());
    expect(Math.abs(await energyDistance(set, turned))).toBeLessThan(ROUNDING);
  });

  test("between sets of one distribution is (1/n + 1/m) E|x − x'| on average", async () => {
    const [n, m, trials] = [20, 30, 200];
    const found: number[] = [];
    for (let seed = 0; seed < trials; seed++)
      found.push(await energyDistance(normals(2 * seed, n, 2), normals(2 * seed + 1, m, 2)));
    const mean = found.reduce((sum, value) => sum + value, 0) / trials;
    const spread = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (trials - 1));
    // The difference of standard normals of the plane has length √π on average, a Rayleigh variable's of scale √2.
    const expected = (1 / n + 1 / m) * Math.sqrt(Math.PI);
    expect(Math.abs(mean - expected)).toBeLessThan((3 * spread) / Math.sqrt(trials));
  });

  test("refuses what cannot be compared", async () => {
    await expect(energyDistance(normals(1, 4, 2), normals(2, 4, 3))).rejects.toThrow(ShapeError);
    await expect(energyDistance(line([1, Number.NaN]), line([1, 2]))).rejects.toThrow(NonFiniteError);
  });

  test("ends when it is told to", async () => {
    const enough = AbortSignal.abort(new Error("enough"));
    await expect(energyDistance(normals(1, 3000, 2), normals(2, 3000, 2), enough)).rejects.toThrow("enough");
  });
});

test("samples that count differently often are as far as by scipy's weights", async () => {
  const weight = [2, 1, 0, 3];
  const [a, b] = [line([0.7, 7.4, 2.4, 6.8]), line([1.4, 8])];
  const found = energyOf(await distanceSums(a, b, { weights: [[1, 1, 1, 1], weight] }), weight, 1);
  expect(Math.abs(found - 0.8888888888888888)).toBeLessThan(1e-6); // 0.7 and the like are float32 here
});
