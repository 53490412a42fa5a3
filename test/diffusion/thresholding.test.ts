import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { type Denoiser, type Level, thresholded } from "../../src/diffusion/index.ts";

const level: Level = { alpha: 0.6, sigma: 0.8, t: 10 };
const x = NDArray.zeros([2, 5]);
const estimates = NDArray.of([-4, 2, 1, 0.5, 0, -0.5, 0.2, 0.1, 0, 0], [2, 5]);
const denoiser: Denoiser = async () => ({ x0: estimates, eps: x });

test("each sample is clipped to its own quantile and divided by it, if that is above 1", async () => {
  const { x0, eps } = await thresholded(denoiser, { quantile: 0.75, max: 10 })(x, level);
  // |x0| of the first row sorted is 0, 0.5, 1, 2, 4: three quarters of the way is 2. The second row is small.
  expect([...x0.data]).toEqual([-1, 1, 0.5, 0.25, 0, -0.5, 0.2, 0.1, 0, 0].map(Math.fround));
  expect(eps).toBeUndefined();
});

test("it divides by no more than the largest allowed", async () => {
  const { x0 } = await thresholded(denoiser, { quantile: 1, max: 1.5 })(x, level);
  expect([...x0.data.slice(0, 3)]).toEqual([-1, 1, Math.fround(1 / 1.5)]);
});

test("the quantile lies between order statistics, as torch's", async () => {
  const { x0 } = await thresholded(denoiser, { quantile: 0.875, max: 10 })(x, level);
  expect(x0.data[1]).toBeCloseTo(2 / 3, 6); // half way from 2 to 4
});

test("eps is kept where asked", async () => {
  expect((await thresholded(denoiser, { quantile: 0.5, max: 2, keepEps: true })(x, level)).eps).toBe(x);
});

test.each([0, -0.5, 1.01, Number.NaN])("a quantile of %f is refused", (quantile) => {
  expect(() => thresholded(denoiser, { quantile, max: 1 })).toThrow(
    "thresholding: expected a quantile above 0",
  );
});
