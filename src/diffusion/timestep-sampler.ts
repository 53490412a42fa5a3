import type { Generator } from "../base/index.ts";

/** A timestep and what its loss must be multiplied with, so that the mean over draws is that over timesteps. */
export interface WeightedTimestep {
  readonly t: number;
  readonly weight: number;
}

/** The last losses at every timestep: plain data, kept with a run. */
export interface LossHistory {
  readonly losses: readonly (readonly number[])[];
}

/** How many losses each timestep remembers before importance counts (Nichol and Dhariwal 2021, section 3.3). */
export const REMEMBERED = 10;
/** The share of draws that stay uniform, so that no timestep is forgotten. */
const UNIFORM = 0.001;

export const emptyHistory = (steps: number): LossHistory => ({
  losses: Array.from({ length: steps }, () => []),
});

/** The history with further losses, the oldest forgotten. */
export const remember = (
  { losses }: LossHistory,
  seen: readonly { readonly t: number; readonly loss: number }[],
): LossHistory => {
  const next = losses.map((list) => [...list]);
  for (const { t, loss } of seen) next[t] = [...(next[t] ?? []), loss].slice(-REMEMBERED);
  return { losses: next };
};

/** p_t ∝ √E[L_t²] once every timestep has been seen often enough, uniform before (Nichol and Dhariwal 2021, eq. 18). */
export const timestepProbabilities = ({ losses }: LossHistory): number[] => {
  const uniform = 1 / losses.length;
  if (losses.some(({ length }) => length < REMEMBERED)) return losses.map(() => uniform);
  const sizes = losses.map((list) => Math.sqrt(list.reduce((sum, loss) => sum + loss ** 2, 0) / list.length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total === 0) return losses.map(() => uniform);
  return sizes.map((size) => (1 - UNIFORM) * (size / total) + UNIFORM * uniform);
};

/** n draws of t with the weights 1 / (T p_t). */
export const drawTimesteps = (history: LossHistory, n: number, generator: Generator): WeightedTimestep[] => {
  const probabilities = timestepProbabilities(history);
  const steps = probabilities.length;
  return Array.from(generator.uniform([n]).data, (u) => {
    let mass = 0;
    const found = probabilities.findIndex((p) => {
      mass += p;
      return u < mass;
    });
    const t = found === -1 ? steps - 1 : found;
    return { t, weight: 1 / (steps * (probabilities[t] as number)) };
  });
};
