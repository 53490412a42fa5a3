import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, type Denoiser } from "../../src/diffusion/index.ts";
import { euler, frames, heun } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const x = NDArray.of([0.7, -1.2]);
/** A few float32 roundings of numbers near 1. */
const ROUNDED = 2e-6;

const names = ["karras", "flow"] as const;

test.each(names)("a slope that changes evenly along the step is integrated exactly: %s", async (name) => {
  const { ofX0, ofEps, position, scale } = frames[name];
  // x0 and eps of which the slope is the position itself.
  const denoise: Denoiser = async (x, level) => {
    const x0 = NDArray.full(x.shape, 0.3);
    return { x0, eps: NDArray.full(x.shape, (position(level) - ofX0 * 0.3) / ofEps) };
  };
  const [from, to] = [chain.level(600), chain.level(300)];
  const args = { x, from, to, denoise, noise: refuseNoise, memory: undefined };
  const { x: end } = await heun({ frame: name }).step(args);
  const way = (position(to) ** 2 - position(from) ** 2) / 2;
  for (const [i, value] of x.data.entries())
    expect(end.data[i]).toBeCloseTo(scale(to) * (value / scale(from) + way), 5);
});

test.each(names)("the step to data is Euler's, of one evaluation: %s", async (frame) => {
  let evaluations = 0;
  const denoise: Denoiser = async (x) => {
    evaluations += 1;
    return { x0: x.mul(0.4) };
  };
  const args = { x, from: chain.level(20), to: CLEAN, denoise, noise: refuseNoise, memory: undefined };
  const { x: end } = await heun({ frame }).step(args);
  expect(evaluations).toBe(1);
  const { x: plain } = await euler({ frame }).step(args);
  for (const [i, value] of end.data.entries())
    expect(Math.abs(value - (plain.data[i] as number))).toBeLessThan(ROUNDED);
});
