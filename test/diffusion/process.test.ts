import { expect, test } from "vitest";
import { ArgumentError } from "../../src/base/index.ts";
import { diffusionProcess, scheduleSchema } from "../../src/diffusion/index.ts";

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

test.each([-2, -200, 1000, 0.5, Number.NaN])("timestep %f is refused", (t) => {
  expect(() => process.level(t)).toThrow(ArgumentError);
  expect(() => process.level(t)).toThrow(`timestep: expected an integer from -1 (clean) to 999, got ${t}`);
});

test("the signal-to-noise ratio falls from 9999 to 4.036e-5 with the schedule of Ho et al. 2020", () => {
  // ᾱ_0 = 0.9999 and ᾱ_999 = 4.03583e-5, so ᾱ / (1 − ᾱ) is:
  expect(process.snr(0)).toBeCloseTo(9999, 0);
  expect(process.snr(999) / 4.035993e-5).toBeCloseTo(1, 5);
  for (let t = 1; t < process.steps; t++) expect(process.snr(t)).toBeLessThan(process.snr(t - 1));
});
