import { posteriorVariance, qSample, x0ToEps } from "../diffusion/index.ts";
import type { Sampler } from "./sampler.ts";

export interface DdimOptions {
  /** 0 draws no noise and follows the probability-flow ODE; 1 draws as much as ancestral sampling. */
  readonly eta?: number;
}

/**
 * Denoising diffusion implicit models (Song, Meng and Ermon 2021, eq. 12): to x0, and back along eps.
 * With eta, part of eps is replaced by fresh noise of standard deviation σ = η √β̃ (eq. 16). eps is the
 * network's own where the denoiser gives it, and follows from x0 elsewhere.
 */
export const ddim = ({ eta = 0 }: DdimOptions = {}): Sampler<undefined> => ({
  name: "ddim",
  order: 1,
  evaluations: (steps) => steps,
  init: () => undefined,
  async step({ x, from, to, denoise, noise, memory }) {
    const { x0, eps = x0ToEps(x, x0, from) } = await denoise(x, from);
    const variance = eta === 0 ? 0 : eta ** 2 * posteriorVariance(from, to);
    const mean = qSample(x0, eps, { alpha: to.alpha, sigma: Math.sqrt(to.sigma ** 2 - variance) });
    return {
      x: variance === 0 ? mean : mean.add(noise().mul(Math.sqrt(variance))),
      denoised: x0,
      memory,
    };
  },
});
