import type { ContinuousProcess } from "./noise-processes.ts";
import { conversion, type Prediction } from "./parameterisation.ts";
import { type Level, lambdaOf, noiseToSignal } from "./process.ts";

/** The signal-to-noise ratio of a level; 0 for noise alone. */
const snrOf = (level: Level): number => noiseToSignal(level) ** -2;

/** A weight of the squared error at a level. */
export type Weighting = (level: Level) => number;

/** All levels alike, in whatever the network predicts: L_simple (Ho et al. 2020, eq. 14). */
const uniform = (): Weighting => () => 1;

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

/** {@link likelihoodWeight} at the levels of a process, where it is g² / (2 σ²) (Song et al. 2021b, theorem 1). */
export const likelihoodWeighting =
  (process: ContinuousProcess): Weighting =>
  (level) =>
    process.diffusion(process.time(lambdaOf(level))) / (2 * level.sigma ** 2);

/**
 * A weighting of the error of one prediction as one of another's: the errors are proportional, x being given.
 * @throws ArgumentError at zero SNR from or to a prediction that says nothing of x0 there
 */
export const weightingFor =
  (weighting: Weighting, { from, to }: { readonly from: Prediction; readonly to: Prediction }): Weighting =>
  (level) =>
    weighting(level) * conversion(level, { from: to, to: from }).ofOutput ** 2;

/** The weightings of the literature; `p2` and `likelihood` weigh the error of eps, `edm` that of x0. */
export const weightings = {
  uniform,
  min_snr: minSnr,
  p2,
  likelihood: likelihoodWeighting,
  edm: edmWeight,
} as const;
