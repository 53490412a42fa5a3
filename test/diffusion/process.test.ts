import { expect, test } from "vitest";
import { ArgumentError } from "../../src/base/index.ts";
import {
  diffusionProcess,
  type Level,
  lambdaOf,
  noiseToSignal,
  scheduleSchema,
} from "../../src/diffusion/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));

/** float64 after a thousand products. */
const ROUNDED = 1e-12;

test("levels preserve variance and carry their timestep", () => {
  for (let t = -1; t < process.steps; t++) {
    const level = process.level(t);
    expect(Math.abs(level.alpha ** 2 + level.sigma ** 2 - 1)).toBeLessThan(ROUNDED);
    expect(level.t).toBe(t);
  }
});

test("the level before timestep 0 is clean", () => {
  expect(process.level(-1)).toEqual({ alpha: 1, sigma: 0, t: -1 });
});

test("the first level has the noise of the first beta alone", () => {
  expect(Math.abs(process.level(0).sigma ** 2 / Math.fround(1e-4) - 1)).toBeLessThan(ROUNDED);
});

test.each([-2, -200, 1000, -0.5, 999.5, Number.NaN])("timestep %f is refused", (t) => {
  expect(() => process.level(t)).toThrow(ArgumentError);
  expect(() => process.level(t)).toThrow(
    `timestep: expected from 0 to 999, or -1 for the clean level, got ${t}`,
  );
});

test("the signal-to-noise ratio falls from 9999 to 4.036e-5 with the schedule of Ho et al. 2020", () => {
  // ᾱ_0 = 0.9999 and ᾱ_999 = 4.03583e-5, so ᾱ / (1 − ᾱ) is:
  expect(process.snr(0)).toBeCloseTo(9999, 0);
  expect(process.snr(999) / 4.035993e-5).toBeCloseTo(1, 5);
  for (let t = 1; t < process.steps; t++) expect(process.snr(t)).toBeLessThan(process.snr(t - 1));
});

test("between two timesteps sigma / alpha is interpolated, and variance preserved", () => {
  const [low, middle, high] = [500, 500.25, 501].map((t) => process.level(t)) as [Level, Level, Level];
  expect(middle.alpha ** 2 + middle.sigma ** 2).toBeCloseTo(1, 12);
  const ratio = noiseToSignal(low) + 0.25 * (noiseToSignal(high) - noiseToSignal(low));
  expect(noiseToSignal(middle)).toBeCloseTo(ratio, 12);
});

test("the level of a λ is that of the timestep which has it, and between two lies between them", () => {
  for (const t of [0, 1, 17, 500, 998, 999]) {
    const { alpha, sigma, t: told } = process.levelAt(lambdaOf(process.level(t)));
    expect(alpha).toBeCloseTo(process.level(t).alpha, 12);
    expect(sigma).toBeCloseTo(process.level(t).sigma, 12);
    expect(told).toBeCloseTo(t, 6);
  }
  const halfway = (lambdaOf(process.level(300)) + lambdaOf(process.level(301))) / 2;
  expect(process.levelAt(halfway).t).toBeCloseTo(300.5, 6);
});

test("a λ beyond the trained levels is told the nearest of them", () => {
  expect([process.levelAt(100).t, process.levelAt(-100).t]).toEqual([0, 999]);
});

test("zero terminal SNR ends at noise alone", () => {
  const schedule = scheduleSchema.parse({ rescale_betas_zero_snr: true });
  expect(diffusionProcess(schedule).level(999)).toEqual({ alpha: 0, sigma: 1, t: 999 });
  expect(diffusionProcess(schedule).levelAt(-Infinity)).toEqual({ alpha: 0, sigma: 1, t: 999 });
});
