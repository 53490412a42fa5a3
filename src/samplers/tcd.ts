import { NDArray } from "../base/index.ts";
import { epsOf, type NoiseProcess, qBetween } from "../diffusion/index.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface TcdOptions {
  /** γ, the share of each step that fresh noise makes up for; 0 is deterministic. */
  readonly eta?: number;
}

/**
 * Trajectory consistency distillation: to timestep (1 − γ) of the step's end without noise, and up from there
 * (Zheng et al. 2024, algorithm 4).
 */
export const tcd = (process: NoiseProcess, { eta = 0.3 }: TcdOptions = {}): Sampler<undefined> =>
  plainSampler("tcd", async ({ x, from, to, denoise, noise }) => {
    const denoised = await denoise(x, from);
    const below = eta === 0 || to.t <= 0 ? to : process.level(Math.floor((1 - eta) * to.t));
    const eps = epsOf(denoised, x, from);
    const near = NDArray.combine([below.alpha, denoised.x0], [below.sigma, eps]);
    if (below === to) return { x: near, denoised: denoised.x0 };
    const { ofX, ofNoise } = qBetween(below, to);
    return { x: NDArray.combine([ofX, near], [ofNoise, noise()]), denoised: denoised.x0 };
  });
