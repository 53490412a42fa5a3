import { NDArray } from "../base/index.ts";
import { epsOf, type Level, type NoiseProcess, posteriorVariance } from "../diffusion/index.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface DdimOptions {
  /** 0 draws no noise and follows the probability-flow ODE; 1 draws as much as ancestral sampling. */
  readonly eta?: number;
}

/**
 * Denoising diffusion implicit models (Song, Meng and Ermon 2021, eq. 12): to x0, and back along eps.
 * With eta, part of eps is replaced by fresh noise of standard deviation σ = η √β̃ (eq. 16). eps is the
 * network's own where the denoiser gives it, and follows from x0 elsewhere.
 */
export const ddim = ({ eta = 0 }: DdimOptions = {}): Sampler<undefined> =>
  plainSampler("ddim", async ({ x, from, to, denoise, noise }) => {
    const denoised = await denoise(x, from);
    const { x0 } = denoised;
    const variance = eta === 0 ? 0 : eta ** 2 * posteriorVariance(from, to);
    const mean = NDArray.combine(
      [to.alpha, x0],
      [Math.sqrt(to.sigma ** 2 - variance), epsOf(denoised, x, from)],
    );
    return {
      x: variance === 0 ? mean : NDArray.combine([1, mean], [Math.sqrt(variance), noise()]),
      denoised: x0,
    };
  });

/**
 * A sampler whose every step is as long in t, though the next one starts from the path's own timestep: what
 * diffusers' DDIM does, which off `leading` spacing takes x for one of another level. Of a step up the end is the
 * path's, and the start as far below it.
 * @param stride how many timesteps a step is long: ⌊T / n⌋ at diffusers
 */
export const strided = (
  sampler: Sampler<undefined>,
  process: NoiseProcess,
  stride: number,
): Sampler<{ readonly end: Level }> => ({
  ...sampler,
  init: (levels) => ({ end: levels.at(sampler.climbs ? 0 : -1) as Level }),
  async step({ memory, ...args }) {
    const t = args.from.t - stride; // a step up is told the timestep of its end
    const other = t < 0 ? memory.end : process.level(t);
    const step = sampler.climbs ? { from: { ...other, t: args.from.t } } : { to: other };
    return { ...(await sampler.step({ ...args, ...step, memory: undefined })), memory };
  },
});

/**
 * DDIM without noise up a path, from data to the noise that it came from (Song, Meng and Ermon 2021, section
 * 4.3): see `inversionPath`. It is inexact: eps is taken at the wrong end of each step.
 */
export const ddimInversion = (): Sampler<undefined> => ({ ...ddim(), name: "ddim inversion", climbs: true });
