import { type Level, noiseToSignal } from "./process.ts";

/** The signal-to-noise ratio of a level; 0 for noise alone. */
const snrOf = (level: Level): number => noiseToSignal(level) ** -2;

/** A weight of the squared error at a level. */
export type Weighting = (level: Level) => number;

/**
 * min(SNR, γ) as a weight on the error of x0 (Hang et al. 2023, section 3.4), in the form of each prediction: the
 * error of eps is SNR times that of x0, of v SNR + 1 times.
 */
export const minSnr = {
  epsilon: (gamma = 5): Weighting => {
    return (level) => {
      const snr = snrOf(level);
      return snr === 0 ? 1 : Math.min(snr, gamma) / snr;
    };
  },
  v_prediction: (gamma = 5): Weighting => {
    return (level) => Math.min(snrOf(level), gamma) / (snrOf(level) + 1);
  },
  sample: (gamma = 5): Weighting => {
    return (level) => Math.min(snrOf(level), gamma);
  },
} as const;

/** Less weight on the clean levels, whose detail no eye sees: 1 / (k + SNR)^γ on the error of eps (Choi et al. 2022, eq. 8). */
export const p2 =
  ({ k = 1, gamma = 1 } = {}): Weighting =>
  (level) =>
    (k + snrOf(level)) ** -gamma;

/**
 * What makes the error of eps the bound on the likelihood: −dλ/dt of λ = ½ ln SNR (Kingma et al. 2021, eq. 17;
 * Song et al. 2021b, section 4), in nats a unit of time and summed over coordinates.
 * @param slope dλ/dt at the level
 */
export const likelihoodWeight = (slope: number): number => -slope;

/** EDM's λ(σ) on the error of x0 (Karras et al. 2022, table 1). */
export const edmWeight =
  (sigmaData = 0.5): Weighting =>
  (level) =>
    sigmaData ** -2 + snrOf(level);
