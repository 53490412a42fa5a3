import type { NDArray } from "../base/index.ts";
import { epsToX0 } from "./parameterisation.ts";
import type { Level } from "./process.ts";

/** What a denoiser says of x at a level; arrays have x's shape. */
export interface Denoised {
  /** The estimate of the clean sample. */
  readonly x0: NDArray;
  /**
   * The noise as the network itself estimated it. It differs from (x − α x0) / σ once x0 has been changed
   * after the fact, e.g. by {@link clipped}; absent, it follows from x0.
   */
  readonly eps?: NDArray;
  /** The variance of the reverse step, from networks that learn it; fixed-variance samplers leave it aside. */
  readonly variance?: NDArray;
}

/** The contract between networks and samplers: the clean sample behind x, [n, ...], at a noise level. */
export type Denoiser = (x: NDArray, level: Level) => Promise<Denoised>;

/** The denoiser of a network that predicts the noise, told the timestep. */
export const epsDenoiser =
  (predict: (x: NDArray, t: number) => Promise<NDArray>): Denoiser =>
  async (x, level) => {
    const eps = await predict(x, level.t);
    return { x0: epsToX0(x, eps, level), eps };
  };

/**
 * A denoiser whose x0 stays in [-range, range], where pixels are: near pure noise x0 = (x − σ eps) / α
 * magnifies every error by 1 / α. The network's eps is kept, as diffusers does (`clip_sample` with
 * `use_clipped_model_output` left false).
 */
export const clipped =
  (denoiser: Denoiser, range = 1): Denoiser =>
  async (x, level) => {
    const denoised = await denoiser(x, level);
    return { ...denoised, x0: denoised.x0.clamp(-range, range) };
  };
