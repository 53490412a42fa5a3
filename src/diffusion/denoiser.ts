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

/** How x0 is kept where pixels are. */
export interface Clipping {
  /** x0 stays in [-range, range]. */
  readonly range?: number;
  /**
   * Leave eps as the network said, as diffusers does unless `use_clipped_model_output` is set. Otherwise it
   * is left out, and samplers derive the one that x and the clipped x0 imply.
   */
  readonly keepEps?: boolean;
}

/**
 * A denoiser whose x0 stays in [-range, range]: near pure noise x0 = (x − σ eps) / α magnifies every error
 * of the network by 1 / α, 2e4 where the cosine schedule ends. With eps kept, a deterministic sampler adds
 * that error to the picture; with eps derived anew x stays α x0 + σ eps (Dhariwal and Nichol 2021's code).
 */
export const clipped =
  (denoiser: Denoiser, { range = 1, keepEps = false }: Clipping = {}): Denoiser =>
  async (x, level) => {
    const { eps, ...denoised } = await denoiser(x, level);
    const x0 = denoised.x0.clamp(-range, range);
    return { ...denoised, x0, ...(keepEps && eps && { eps }) };
  };
