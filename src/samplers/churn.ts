import { type NoiseProcess, noiseToSignal } from "../diffusion/index.ts";
import type { Churn } from "./driver.ts";

export interface ChurnOptions {
  /** S_churn: how much noise the whole path adds. */
  readonly churn?: number;
  /** S_tmin and S_tmax: where, in σ / α. */
  readonly least?: number;
  readonly most?: number;
  /** S_noise: a little more than 1 makes up for what the network takes away too much. */
  readonly noise?: number;
}

/** The noise that EDM's stochastic sampler adds before every step (Karras et al. 2022, algorithm 2; table 5, ImageNet). */
export const edmChurn =
  (process: NoiseProcess, { churn = 40, least = 0.05, most = 50, noise = 1.003 }: ChurnOptions = {}): Churn =>
  (from, steps) => {
    const sigma = noiseToSignal(from);
    const gamma = sigma >= least && sigma <= most ? Math.min(churn / steps, Math.SQRT2 - 1) : 0;
    return gamma === 0
      ? { level: from, noise: 1 }
      : { level: process.levelAt(-Math.log(sigma * (1 + gamma))), noise };
  };
