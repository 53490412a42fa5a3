import type { Arithmetic } from "../base/index.ts";
import type { Level } from "./process.ts";

/**
 * The variance of q(x_t | x_s) between a level `from` (t) and a cleaner one `to` (s):
 * σ²_{t|s} = σ_t² − (α_t / α_s)² σ_s² (Kingma et al. 2021, appendix A.1). Between neighbours it is β_t.
 */
export const stepVariance = (from: Level, to: Level): number =>
  from.sigma ** 2 - ((from.alpha / to.alpha) * to.sigma) ** 2;

/** β̃_t, the variance of q(x_s | x_t, x_0): σ²_{t|s} σ_s² / σ_t² (Ho et al. 2020, eq. 7). */
export const posteriorVariance = (from: Level, to: Level): number =>
  stepVariance(from, to) * (to.sigma / from.sigma) ** 2;

/**
 * q(x_s | x_t, x_0) between a level `from` (t) and any cleaner one `to` (s), neighbours or not
 * (Ho et al. 2020, eq. 6 and 7; for any two levels Kingma et al. 2021, appendix A.2).
 */
export const posterior = <A extends Arithmetic<A>>(
  x: A,
  x0: A,
  from: Level,
  to: Level,
): { readonly mean: A; readonly variance: number } => {
  const variance = from.sigma ** 2;
  const towardsX0 = (to.alpha * stepVariance(from, to)) / variance;
  const towardsX = ((from.alpha / to.alpha) * to.sigma ** 2) / variance;
  return { mean: x0.mul(towardsX0).add(x.mul(towardsX)), variance: posteriorVariance(from, to) };
};

/**
 * The two variances of the reverse step that need no learning (Ho et al. 2020, section 3.2), by diffusers'
 * names: β̃_t, right for data at one point, and β_t, right for data that are themselves standard normal.
 */
export const reverseVariances = {
  fixed_small: posteriorVariance,
  fixed_large: stepVariance,
} as const satisfies Readonly<Record<string, (from: Level, to: Level) => number>>;

export type ReverseVariance = keyof typeof reverseVariances;
