import type { NDArray } from "../base/index.ts";
import {
  type ClassifierGradient,
  posterior,
  type ReverseVariance,
  reverseVariance,
} from "../diffusion/index.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

/** A classifier that moves the mean of every step. */
export interface MeanGuidance {
  readonly gradient: ClassifierGradient;
  readonly scale: number;
  /** Where the gradient is taken: at the mean, told the step's end; or at x_t, told its start, as older code does. */
  readonly at?: "mean" | "start";
}

export interface AncestralOptions {
  readonly variance?: ReverseVariance;
  readonly guidance?: MeanGuidance | undefined;
}

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2): a draw from q(x_s | x_t, x_0) at the estimated x0, the
 * last step (to the clean level) without noise. Steps may leave timesteps out. With guidance the mean moves by
 * s Σ ∇ ln p(y | x) (Dhariwal and Nichol 2021, algorithm 1).
 */
export const ancestral = ({
  variance: rule = "fixed_small",
  guidance,
}: AncestralOptions = {}): Sampler<undefined> =>
  plainSampler("ancestral", async ({ x, from, to, denoise, noise }) => {
    const { x0, variance: said } = await denoise(x, from);
    const { mean } = posterior(x, x0, from, to);
    if (to.sigma === 0) return { x: mean, denoised: x0 };
    const variance = reverseVariance(rule, from, to, said);
    const shift = async ({ gradient, scale, at = "mean" }: MeanGuidance): Promise<NDArray> => {
      const g = at === "mean" ? await gradient(mean, to) : await gradient(x, from);
      return g.mul(variance).mul(scale);
    };
    const moved = guidance ? mean.add(await shift(guidance)) : mean;
    const deviation = typeof variance === "number" ? Math.sqrt(variance) : variance.sqrt();
    return { x: moved.add(noise().mul(deviation)), denoised: x0 };
  });
