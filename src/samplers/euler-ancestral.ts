import { NDArray } from "../base/index.ts";
import { type Level, noiseToSignal } from "../diffusion/index.ts";
import { along, frames, slope } from "./frame.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface EulerAncestralOptions {
  /** 0 draws no noise, 1 as much as ancestral sampling. */
  readonly eta?: number;
}

/** A step in two parts: without noise to a level below, then up by fresh noise. */
export interface AncestralSplit {
  readonly down: Level;
  /** The standard deviation of the noise that leads from there to the step's end. */
  readonly up: number;
}

/** How much of a step ancestral sampling walks, and how much it leaves to noise (k-diffusion). */
export const ancestralSplit = (from: Level, to: Level, eta: number): AncestralSplit => {
  const [s, end] = [noiseToSignal(from), noiseToSignal(to)];
  const up = Math.min(end, (eta * end * Math.sqrt(Math.max(0, s ** 2 - end ** 2))) / s);
  return {
    down: { ...to, sigma: to.alpha * Math.sqrt(end ** 2 - up ** 2) },
    up: to.alpha * up,
  };
};

/** The second part of the step. */
export const withNoise = (x: NDArray, up: number, noise: () => NDArray): NDArray =>
  up === 0 ? x : NDArray.combine([1, x], [up, noise()]);

/** Euler's rule to a level below the step's end, and fresh noise for the rest (k-diffusion). */
export const eulerAncestral = ({ eta = 1 }: EulerAncestralOptions = {}): Sampler<undefined> =>
  plainSampler("euler ancestral", async ({ x, from, to, denoise, noise }) => {
    const denoised = await denoise(x, from);
    const { down, up } = ancestralSplit(from, to, eta);
    const d = slope(frames.karras, denoised, x, from);
    const below = along(frames.karras, { x, from, to: down }, [1, d]);
    return { x: withNoise(below, up, noise), denoised: denoised.x0 };
  });
