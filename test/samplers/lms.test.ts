import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { type Denoiser, type Level, noiseToSignal } from "../../src/diffusion/index.ts";
import { lms } from "../../src/samplers/index.ts";
import { refuseNoise } from "./walks.ts";

/** Levels at unequal distances, with α = 1. */
const levels: readonly Level[] = [3, 2.4, 1.5, 1.1, 0.6, 0].map((sigma) => ({ alpha: 1, sigma, t: sigma }));

/** Where a run ends from 0 when the slope is a power of the position, and the memory that it has then. */
const steps = async (order: number, power: number): Promise<number[]> => {
  const denoise: Denoiser = async (x, level) => ({
    x0: x,
    eps: NDArray.full(x.shape, noiseToSignal(level) ** power),
  });
  const sampler = lms({ order });
  let memory = sampler.init(levels);
  const moves: number[] = [];
  for (const [i, to] of levels.slice(1).entries()) {
    const x = NDArray.zeros([1]);
    const step = await sampler.step({
      x,
      from: levels[i] as Level,
      to,
      denoise,
      noise: refuseNoise,
      memory,
    });
    memory = step.memory;
    moves.push(step.x.item());
  }
  return moves;
};

const integral = (i: number, power: number): number => {
  const [a, b] = [levels[i], levels[i + 1]].map((level) => noiseToSignal(level as Level)) as [number, number];
  return (b ** (power + 1) - a ** (power + 1)) / (power + 1);
};

const orders = [1, 2, 3, 4];

test.each(orders)(
  "order %i integrates a polynomial of one degree less, once it has as many slopes",
  async (order) => {
    for (let power = 0; power < order; power++)
      for (const [i, move] of (await steps(order, power)).entries())
        if (i >= power) expect(move).toBeCloseTo(integral(i, power), 5);
  },
);

test.each(orders)("order %i integrates no polynomial of its own degree", async (order) => {
  const moves = await steps(order, order);
  expect(Math.abs((moves.at(-1) as number) - integral(levels.length - 2, order))).toBeGreaterThan(1e-3);
});
