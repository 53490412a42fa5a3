import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { CLEAN, type Component, gaussianMixture, type Level } from "../../src/diffusion/index.ts";

const components: Component[] = [
  { weight: 1, mean: [-1, 0.5], deviation: 0.3 },
  { weight: 3, mean: [2, -0.25], deviation: 0.6 },
];
const mixture = gaussianMixture(components);
const level: Level = { alpha: 0.6, sigma: 0.8, t: 0 };
const x = NDArray.of([0.1, -0.7, 1.2, 0.4], [2, 2]);

/** Central differences of this step, in values that came through float32. */
const STEP = 1e-3;
const DIFFERENCED = 1e-3;
const moved = (axis: number, by: number) =>
  NDArray.of(
    x.data.map((value, i) => value + (i % 2 === axis ? by : 0)),
    x.shape,
  );

test("x0 is (x + σ² ∇ ln p_t) / α, Tweedie's formula", async () => {
  const { x0 } = await mixture.denoiser(x, level);
  for (const axis of [0, 1]) {
    const [above, below] = [STEP, -STEP].map((by) => mixture.logDensity(moved(axis, by), level));
    for (const row of [0, 1]) {
      const score = ((above?.[row] as number) - (below?.[row] as number)) / (2 * STEP);
      const want = ((x.data[2 * row + axis] as number) + level.sigma ** 2 * score) / level.alpha;
      expect(Math.abs((x0.data[2 * row + axis] as number) - want)).toBeLessThan(DIFFERENCED);
    }
  }
});

test("x is α x0 + σ eps, and eps nothing at the clean level", async () => {
  const { x0, eps } = await mixture.denoiser(x, level);
  const again = NDArray.combine([level.alpha, x0], [level.sigma, eps as NDArray]);
  for (const [i, value] of again.data.entries()) expect(value).toBeCloseTo(x.data[i] as number, 6);
  const clean = await mixture.denoiser(x, CLEAN);
  expect([clean.x0, clean.eps]).toEqual([x, NDArray.zeros([2, 2])]);
});

test("the pullback is the derivative of x0", async () => {
  const { pullback } = await mixture.denoiser(x, level);
  for (const axis of [0, 1]) {
    const v = NDArray.of(
      Array.from({ length: 4 }, (_, i) => Number(i % 2 === axis)),
      x.shape,
    );
    const product = (await pullback?.(v)) as NDArray;
    const [above, below] = await Promise.all(
      [STEP, -STEP].map(async (by) => (await mixture.denoiser(moved(axis, by), level)).x0),
    );
    for (const [i, value] of product.data.entries()) {
      const want = ((above?.data[i] as number) - (below?.data[i] as number)) / (2 * STEP);
      expect(Math.abs(value - want)).toBeLessThan(DIFFERENCED); // the Jacobian is symmetric
    }
  }
});

test("draws have the mixture's mean and variance, within five standard errors", () => {
  const n = 20_000;
  const draws = mixture.sample(n, new Generator(0));
  const mean = 0.25 * -1 + 0.75 * 2;
  const variance = 0.25 * (0.3 ** 2 + (-1 - mean) ** 2) + 0.75 * (0.6 ** 2 + (2 - mean) ** 2);
  const first = Array.from({ length: n }, (_, i) => draws.data[2 * i] as number);
  const average = first.reduce((sum, value) => sum + value, 0) / n;
  expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(variance / n));
});

test.each([
  [[]],
  [[{ weight: 0, mean: [0], deviation: 1 }]],
  [[...components, { weight: 1, mean: [0], deviation: 1 }]],
])("what is no mixture is refused: %j", (parts) =>
  expect(() => gaussianMixture(parts)).toThrow("mixture: expected components"),
);
