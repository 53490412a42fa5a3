import { ArgumentError } from "../base/index.ts";
import { alphaBars, betasOf, type Schedule } from "./schedule.ts";

/** A noise level: x = alpha · x0 + sigma · eps. */
export interface Level {
  readonly alpha: number;
  readonly sigma: number;
  /** What the network is told; -1 for the clean level, which no network sees. */
  readonly t: number;
}

/** The variance-preserving process in discrete time (Ho et al. 2020): alpha = √ᾱ_t, sigma = √(1 − ᾱ_t). */
export interface DiffusionProcess {
  readonly schedule: Schedule;
  /** [T] */
  readonly betas: Float64Array;
  /** [T] */
  readonly alphaBars: Float64Array;
  /** T, the number of trained timesteps. */
  readonly steps: number;
  /**
   * The level of timestep t = 0 … T − 1; of -1, the clean one.
   * @throws ArgumentError for any other t
   */
  level(t: number): Level;
  /** The signal-to-noise ratio alpha² / sigma² (Kingma et al. 2021, section 3.1). */
  snr(t: number): number;
}

/** The process of a schedule. */
export const diffusionProcess = (schedule: Schedule): DiffusionProcess => {
  const betas = betasOf(schedule);
  const bars = alphaBars(betas);
  const level = (t: number): Level => {
    const alphaBar = t === -1 ? 1 : bars[t];
    if (alphaBar === undefined)
      throw new ArgumentError({
        who: "timestep",
        expected: `an integer from -1 (clean) to ${bars.length - 1}`,
        got: String(t),
      });
    return { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar), t };
  };
  return {
    schedule,
    betas,
    alphaBars: bars,
    steps: bars.length,
    level,
    snr: (t) => (level(t).alpha / level(t).sigma) ** 2,
  };
};
