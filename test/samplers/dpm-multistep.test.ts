import { expect, test } from "vitest";
import { CLEAN, type Level, noiseToSignal } from "../../src/diffusion/index.ts";
import { multistepOrders } from "../../src/samplers/dpm-multistep.ts";
import { algorithms, derivatives, exponentialWeights } from "../../src/samplers/exponential.ts";
import { openSampler, readScheduler } from "../../src/samplers/index.ts";

const noisy: Level = { alpha: 0.9, sigma: 0.1, t: 0 };
const path = (steps: number, end: Level): Level[] => [
  ...Array.from({ length: steps }, (_, i) => ({ alpha: 0.5, sigma: 0.5, t: steps - i })),
  end,
];

test.each([
  ["falls at the end of a short path", 6, noisy, {}, "123321"],
  ["stays whole where that is not wanted", 6, noisy, { lowerOrderFinal: false }, "123333"],
  [
    "is one at the last step where Euler is wanted there",
    6,
    noisy,
    { lowerOrderFinal: false, eulerAtFinal: true },
    "123331",
  ],
  ["is one at the step to data", 6, CLEAN, { lowerOrderFinal: false }, "123331"],
  ["falls in 14 steps", 14, noisy, {}, "12333333333321"],
  ["stays whole in 15", 15, noisy, {}, "123333333333333"],
] as const)("the order %s", (_, steps, end, options, orders) => {
  expect(multistepOrders(path(steps, end), { order: 3, ...options }).join("")).toBe(orders);
});

test("a path of Karras' noise ends at data unless the least noise is asked for, which then stands twice", () => {
  const ends = (final_sigmas_type: string) => {
    const config = { _class_name: "DPMSolverMultistepScheduler", use_karras_sigmas: true, final_sigmas_type };
    const { sampler, process } = readScheduler(config, 10);
    return openSampler(sampler, process).levels.slice(-2).map(noiseToSignal);
  };
  const [least = 0, none] = ends("zero");
  expect(none).toBe(0);
  for (const sigma of ends("sigma_min")) expect(sigma / least).toBeCloseTo(1, 9);
});

test("derivatives of a parabola through three outputs are exact", () => {
  const value = (lambda: number) => 2 - 3 * lambda + 5 * lambda ** 2;
  const [lambdas, h] = [[0.7, 0.4, -0.3], 0.25];
  const [slope = 0, bend = 0] = derivatives(lambdas, h).map((factors) =>
    factors.reduce((sum, factor, k) => sum + factor * value(lambdas[k] as number), 0),
  );
  expect(slope).toBeCloseTo(h * (-3 + 10 * 0.7), 9);
  expect(bend).toBeCloseTo((h ** 2 * 10) / 2, 9); // half, as diffusers has it
});

test.each(Object.entries(algorithms))("weights of derivatives vanish with the step: %s", (_, algorithm) => {
  const from: Level = { alpha: 0.6, sigma: 0.8, t: 1 };
  for (const h of [0.1, 0.01, 1e-4]) {
    const ratio = (0.8 / 0.6) * Math.exp(-h);
    const to = { alpha: 1 / Math.hypot(1, ratio), sigma: ratio / Math.hypot(1, ratio), t: 0 };
    const { weights } = exponentialWeights(algorithm, from, to);
    for (const weight of weights) expect(Math.abs(weight)).toBeLessThan(4 * h);
  }
});
