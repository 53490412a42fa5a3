import { posterior, type ReverseVariance, reverseVariances } from "../diffusion/index.ts";
import type { Sampler } from "./sampler.ts";

export interface AncestralOptions {
  readonly variance?: ReverseVariance;
}

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2): a draw from q(x_s | x_t, x_0) at the estimated x0, the
 * last step (to the clean level) without noise. Steps may leave timesteps out.
 */
export const ancestral = ({ variance = "fixed_small" }: AncestralOptions = {}): Sampler<undefined> => ({
  name: "ancestral",
  order: 1,
  evaluations: (steps) => steps,
  init: () => undefined,
  async step({ x, from, to, denoise, noise, memory }) {
    const { x0 } = await denoise(x, from);
    const { mean } = posterior(x, x0, from, to);
    const deviation = Math.sqrt(reverseVariances[variance](from, to));
    return { x: to.sigma === 0 ? mean : mean.add(noise().mul(deviation)), denoised: x0, memory };
  },
});
