import { NDArray } from "../base/index.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface LcmOptions {
  /** What a timestep is multiplied with in the boundary condition. */
  readonly timestepScaling?: number;
  readonly sigmaData?: number;
}

/**
 * How much of x0 and of x a consistency function takes, so that it is the identity at t = 0
 * (Song et al. 2023, eq. 5; Luo et al. 2023, section 3).
 */
export const boundary = (
  t: number,
  { timestepScaling = 10, sigmaData = 0.5 }: LcmOptions = {},
): { readonly cSkip: number; readonly cOut: number } => {
  const scaled = t * timestepScaling;
  const square = scaled ** 2 + sigmaData ** 2;
  return { cSkip: sigmaData ** 2 / square, cOut: scaled / Math.sqrt(square) };
};

/** Latent consistency models: straight to the data, and up again by fresh noise (Luo et al. 2023, algorithm 2). */
export const lcm = (options: LcmOptions = {}): Sampler<undefined> =>
  plainSampler("lcm", async ({ x, from, to, denoise, noise }) => {
    const { x0 } = await denoise(x, from);
    const { cSkip, cOut } = boundary(from.t, options);
    const denoised = NDArray.combine([cOut, x0], [cSkip, x]);
    if (to.sigma === 0) return { x: denoised, denoised };
    return { x: NDArray.combine([to.alpha, denoised], [to.sigma, noise()]), denoised };
  });
