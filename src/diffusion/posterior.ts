import { ArgumentError, type Arithmetic, type NDArray } from "../base/index.ts";
import type { DiffusionProcess, Level } from "./process.ts";

/**
 * The variance of q(x_t | x_s) between a level `from` (t) and a cleaner one `to` (s):
 * σ²_{t|s} = σ_t² − (α_t / α_s)² σ_s² (Kingma et al. 2021, appendix A.1). Between neighbours it is β_t, between two
 * namings of one level 0, below which rounding would take it.
 */
export const stepVariance = (from: Level, to: Level): number =>
  Math.max(0, from.sigma ** 2 - ((from.alpha / to.alpha) * to.sigma) ** 2);

/** β̃_t, the variance of q(x_s | x_t, x_0): σ²_{t|s} σ_s² / σ_t² (Ho et al. 2020, eq. 7). */
export const posteriorVariance = (from: Level, to: Level): number =>
  stepVariance(from, to) * (to.sigma / from.sigma) ** 2;

/** What x_0 and x_t weigh in the mean of q(x_s | x_t, x_0), and its variance. */
export interface PosteriorFactors {
  readonly towardsX0: number;
  readonly towardsX: number;
  readonly variance: number;
}

/**
 * The numbers of q(x_s | x_t, x_0) between a level `from` (t) and any cleaner one `to` (s), neighbours or not
 * (Ho et al. 2020, eq. 6 and 7; for any two levels Kingma et al. 2021, appendix A.2).
 */
export const posteriorFactors = (from: Level, to: Level): PosteriorFactors => {
  const variance = from.sigma ** 2;
  return {
    towardsX0: (to.alpha * stepVariance(from, to)) / variance,
    towardsX: ((from.alpha / to.alpha) * to.sigma ** 2) / variance,
    variance: posteriorVariance(from, to),
  };
};

/** q(x_s | x_t, x_0) between a level `from` (t) and any cleaner one `to` (s). */
export const posterior = <A extends Arithmetic<A>>(
  x: A,
  x0: A,
  from: Level,
  to: Level,
): { readonly mean: A; readonly variance: number } => {
  const { towardsX0, towardsX, variance } = posteriorFactors(from, to);
  return { mean: x0.mul(towardsX0).add(x.mul(towardsX)), variance };
};

/** Below this a variance counts as none, and has a logarithm all the same. */
const LEAST_VARIANCE = 1e-20;

/** ln β̃_t and ln β_t, between which a network may choose the variance of a step. */
export interface VarianceRange {
  readonly least: number;
  readonly most: number;
}

/** The range of the step from timestep t of a chain. β̃_0 is 0: as in Nichol and Dhariwal's code, β̃_1 stands in for it. */
export const chainVarianceRange = (process: DiffusionProcess, t: number): VarianceRange => {
  const above = Math.min(Math.max(t, 1), process.steps - 1);
  return {
    least: Math.log(posteriorVariance(process.level(above), process.level(above - 1))),
    most: Math.log(stepVariance(process.level(t), process.level(t - 1))),
  };
};

/** The variance in a range that a network chooses with f in [-1, 1] (Nichol and Dhariwal 2021, eq. 15); [n, ...]. */
export const varianceInRange = (said: NDArray, { least, most }: VarianceRange): NDArray =>
  said.map((f) => Math.exp(least + ((f + 1) / 2) * (most - least)));

const learnedRange = (from: Level, to: Level, said: NDArray): NDArray =>
  varianceInRange(said, {
    least: Math.log(Math.max(posteriorVariance(from, to), LEAST_VARIANCE)),
    most: Math.log(Math.max(stepVariance(from, to), LEAST_VARIANCE)),
  });

/** What the network said of the variance. @throws ArgumentError when it says nothing of it */
const required = (said: NDArray | undefined): NDArray => {
  if (said) return said;
  throw new ArgumentError({
    who: "variance",
    expected: "a network that learns it",
    got: "one that does not",
    hint: "use fixed_small or fixed_large",
  });
};

type ReverseVarianceRule = (from: Level, to: Level, said?: NDArray) => number | NDArray;

/**
 * The variance of the reverse step, by diffusers' names: β̃_t, right for data at one point; β_t, right for data
 * that are themselves standard normal (Ho et al. 2020, section 3.2); learned between the two; learned freely,
 * as a logarithm, or as it is, which is what diffusers calls `learned`.
 */
export const reverseVariances = {
  fixed_small: posteriorVariance,
  fixed_large: stepVariance,
  learned_range: (from, to, said) => learnedRange(from, to, required(said)),
  learned: (_from, _to, said) => required(said).exp(),
  learned_variance: (_from, _to, said) => required(said),
} as const satisfies Readonly<Record<string, ReverseVarianceRule>>;

export type ReverseVariance = keyof typeof reverseVariances;

/** The variance of a rule. @param said what the network said of it, [n, ...] */
export const reverseVariance = (
  rule: ReverseVariance,
  from: Level,
  to: Level,
  said?: NDArray,
): number | NDArray => (reverseVariances[rule] as ReverseVarianceRule)(from, to, said);
