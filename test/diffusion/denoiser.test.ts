import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { clipped, type Denoised, type Level, networkDenoiser } from "../../src/diffusion/index.ts";

const level: Level = { alpha: 0.6, sigma: 0.8, t: 321 };
const of = (...values: number[]) => NDArray.of(values);

test("a network that predicts noise is told the timestep and gives x0 and its eps", async () => {
  const told: number[] = [];
  const denoiser = networkDenoiser(async (x, t) => {
    told.push(t);
    return x.mul(0.5);
  });
  const { x0, eps } = await denoiser(of(1, -2), level);
  expect(told).toEqual([321]);
  expect(eps).toEqual(of(0.5, -1));
  expect(x0.data[0]).toBeCloseTo((1 - 0.8 * 0.5) / 0.6, 6);
  expect(x0.data[1]).toBeCloseTo((-2 + 0.8) / 0.6, 6);
});

test("clipping changes x0 alone", async () => {
  const denoised: Denoised = { x0: of(-3, 0.25, 1.5), eps: of(7, 8, 9), variance: of(1, 2, 3) };
  const denoiser = async () => denoised;
  expect(await clipped(denoiser, { keepEps: true })(of(0, 0, 0), level)).toEqual({
    ...denoised,
    x0: of(-1, 0.25, 1),
  });
  expect(await clipped(denoiser)(of(0, 0, 0), level)).not.toHaveProperty("eps");
  expect((await clipped(denoiser, { range: 2 })(of(0, 0, 0), level)).x0).toEqual(of(-2, 0.25, 1.5));
});
