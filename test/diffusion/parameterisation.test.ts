import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { diffusionProcess, epsToX0, qSample, scheduleSchema, x0ToEps } from "../../src/diffusion/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));

/** One float32 rounding of x, magnified by dividing by alpha or sigma. */
const ROUNDING = 4 * 2 ** -24;

test("x0 and eps are found again in their mixture at every level", () => {
  const generator = new Generator(3);
  const [x0, eps] = [generator.uniform([8]), generator.normal([8])];
  const near = (got: NDArray, want: NDArray, scale: number) => {
    const bound = ROUNDING * (1 + Math.max(...eps.abs().data) * scale);
    for (const [i, value] of got.data.entries())
      expect(Math.abs(value - (want.data[i] as number))).toBeLessThan(bound);
  };
  for (let t = 0; t < process.steps; t += 27) {
    const level = process.level(t);
    const x = qSample(x0, eps, level);
    near(epsToX0(x, eps, level), x0, 1 / level.alpha);
    near(x0ToEps(x, x0, level), eps, 1 / level.sigma);
  }
});

test("at alpha = 0.6 and sigma = 0.8 the numbers are", () => {
  const level = { alpha: 0.6, sigma: 0.8 };
  const of = (value: number) => NDArray.of([value], [1]);
  expect(epsToX0(of(1), of(0.5), level).item()).toBeCloseTo((1 - 0.4) / 0.6, 6);
  expect(x0ToEps(of(1), of(0.5), level).item()).toBeCloseTo((1 - 0.3) / 0.8, 6);
});
