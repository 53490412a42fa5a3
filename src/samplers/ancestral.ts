import { posterior, type ReverseVariance, reverseVariance } from "../diffusion/index.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface AncestralOptions {
  readonly variance?: ReverseVariance;
}

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2): a draw from q(x_s | x_t, x_0) at the estimated x0, the
 * last step (to the clean level) without noise. Steps may leave timesteps out.
 */
export const ancestral = ({ variance: rule = "fixed_small" }: AncestralOptions = {}): Sampler<undefined> =>
  plainSampler("ancestral", async ({ x, from, to, denoise, noise }) => {
    const { x0, variance: said } = await denoise(x, from);
    const { mean } = posterior(x, x0, from, to);
    if (to.sigma === 0) return { x: mean, denoised: x0 };
    const variance = reverseVariance(rule, from, to, said);
    const deviation = typeof variance === "number" ? Math.sqrt(variance) : variance.sqrt();
    return { x: mean.add(noise().mul(deviation)), denoised: x0 };
  });
