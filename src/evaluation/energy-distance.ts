import type { NDArray } from "../base/index.ts";
import { checkPair } from "./features.ts";
import { squaredDistances } from "./neighbours.ts";

/** Sums of Euclidean distances that the energy distance is made of, for samples that count differently often. */
export interface DistanceSums {
  readonly references: number;
  /** Over all pairs of references. */
  readonly within: number;
  /** Of each sample to all references, [n]. */
  readonly across: Float64Array;
  /** Σ over pairs of samples of wᵢ wⱼ |xᵢ − xⱼ|, for each list of weights. */
  readonly weighted: readonly number[];
}

/** What every resampling of the samples needs; a sample's distance to itself, 0, counts as a pair. */
export const distanceSums = async (
  samples: NDArray,
  reference: NDArray,
  {
    weights,
    signal,
  }: { readonly weights: readonly ArrayLike<number>[]; readonly signal?: AbortSignal | undefined },
): Promise<DistanceSums> => {
  checkPair("energyDistance", samples, reference);
  const [n = 0] = samples.shape;
  const [m = 0] = reference.shape;
  const ones = new Float64Array(Math.max(n, m)).fill(1);
  let within = 0;
  const across = new Float64Array(n);
  const weighted = weights.map(() => 0);
  const each = (a: NDArray, b: NDArray, see: (i: number, squared: Float64Array) => void) =>
    squaredDistances(a, b, see, signal);
  await each(reference, reference, (_, squared) => {
    within += weightedRoots(squared, ones);
  });
  await each(samples, reference, (i, squared) => {
    across[i] = weightedRoots(squared, ones);
  });
  await each(samples, samples, (i, squared) => {
    weights.forEach((weight, b) => {
      const own = weight[i] as number;
      if (own > 0) weighted[b] = (weighted[b] as number) + own * weightedRoots(squared, weight);
    });
  });
  return { references: m, within, across, weighted };
};

const weightedRoots = (squared: Float64Array, weight: ArrayLike<number>): number => {
  let sum = 0;
  for (let j = 0; j < squared.length; j++) sum += (weight[j] as number) * Math.sqrt(squared[j] as number);
  return sum;
};

/** The distance from sums: of the weights at `index`, which are `weight`. */
export const energyOf = (sums: DistanceSums, weight: ArrayLike<number>, index: number): number => {
  const { references: m, within, across, weighted } = sums;
  let [total, cross] = [0, 0];
  for (const [i, distance] of across.entries()) {
    total += weight[i] as number;
    cross += (weight[i] as number) * distance;
  }
  return (2 * cross) / (total * m) - (weighted[index] as number) / total ** 2 - within / m ** 2;
};

/**
 * The energy distance 2 E|x − y| − E|x − x'| − E|y − y'| of rows [n, d] and [m, d] (Székely and Rizzo 2013, eq. 6). It is
 * the V-statistic: the distance of the two empirical distributions, 0 only where they are the same, and never below but
 * by rounding. Two sets drawn from one distribution are therefore (1/n + 1/m) E|x − x'| apart on average: what a
 * distance to held-out data is to be compared with. SciPy's `energy_distance`, on a line, is its root.
 */
export const energyDistance = async (
  samples: NDArray,
  reference: NDArray,
  signal?: AbortSignal,
): Promise<number> => {
  const ones = new Float64Array(samples.shape[0] ?? 0).fill(1);
  return energyOf(await distanceSums(samples, reference, { weights: [ones], signal }), ones, 0);
};
