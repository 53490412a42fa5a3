import { describe, expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { kernelDistance } from "../../src/evaluation/index.ts";
import { kernelEstimate, kernelSums } from "../../src/evaluation/kernel-distance.ts";
import { AGREEMENT, featuresOf, fixture, normals } from "./sets.ts";

/** Sums of float64 in another order. */
const ROUNDING = 1e-12;

const kernel = (a: NDArray, b: NDArray): number => {
  const product = [...a.data].reduce((sum, value, k) => sum + value * (b.data[k] as number), 0);
  return (product / a.size + 1) ** 3;
};

/** The unbiased estimate by its definition, of lists of rows; a row makes no pair with itself. */
const byLoops = (samples: readonly NDArray[], reference: readonly NDArray[]): number => {
  const within = (rows: readonly NDArray[]) => {
    let [sum, pairs] = [0, 0];
    for (const a of rows)
      for (const b of rows)
        if (a !== b) {
          sum += kernel(a, b);
          pairs += 1;
        }
    return sum / pairs;
  };
  let across = 0;
  for (const a of samples) for (const b of reference) across += kernel(a, b);
  return within(samples) + within(reference) - (2 * across) / (samples.length * reference.length);
};

describe("kernelDistance", () => {
  test.each([
    [2, 2, 1],
    [5, 3, 4],
    [6, 9, 7],
  ])("of %i samples and %i references with %i features is its definition in loops", async (n, m, d) => {
    const [a, b] = [normals(n, n, d), normals(m + 10, m, d).mul(1.5)];
    const expected = byLoops(a.split(), b.split());
    expect(Math.abs((await kernelDistance(a, b)) - expected)).toBeLessThan(ROUNDING * 100);
  });

  test.each(fixture.features)(
    "agrees with clean-fid and torchmetrics on $kernel.of features of $d",
    async (each) => {
      const { samples, reference } = featuresOf(each);
      const { of, ...libraries } = each.kernel;
      const distance = await kernelDistance(samples.rows(0, of), reference.rows(0, of));
      for (const expected of Object.values(libraries))
        expect(Math.abs(distance - expected)).toBeLessThan(AGREEMENT * expected);
    },
  );

  test("is 0 on average where both sets are of one distribution, whatever their sizes", async () => {
    const found: number[] = [];
    for (let seed = 0; seed < 200; seed++)
      found.push(await kernelDistance(normals(2 * seed, 6, 3), normals(2 * seed + 1, 9, 3)));
    const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
    const spread = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (found.length - 1));
    expect(Math.abs(mean)).toBeLessThan((3 * spread) / Math.sqrt(found.length));
  });

  test("ends when it is told to", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    const [a, b] = [normals(1, 600, 300), normals(2, 600, 300)];
    await expect(kernelDistance(a, b, controller.signal)).rejects.toThrow("enough");
  });
});

test("samples that count differently often are pairs of different samples", async () => {
  const [a, b] = [normals(1, 4, 3), normals(2, 5, 3)];
  const weight = [2, 0, 1, 3];
  const sums = await kernelSums(a, b, { weights: [[1, 1, 1, 1], weight] });
  let [within, pairs, across, total] = [0, 0, 0, 0];
  a.split().forEach((x, i) => {
    a.split().forEach((y, j) => {
      if (i === j) return;
      within += (weight[i] as number) * (weight[j] as number) * kernel(x, y);
      pairs += (weight[i] as number) * (weight[j] as number);
    });
    total += weight[i] as number;
    for (const y of b.split()) across += (weight[i] as number) * kernel(x, y);
  });
  const reference = b
    .split()
    .flatMap((x) => b.split().flatMap((y) => (x.data[0] === y.data[0] ? [] : [kernel(x, y)])));
  const mean = reference.reduce((sum, value) => sum + value, 0) / reference.length;
  const expected = within / pairs + mean - (2 * across) / (total * 5);
  expect(Math.abs(kernelEstimate(sums, weight, 1) - expected)).toBeLessThan(ROUNDING * 100);
});
