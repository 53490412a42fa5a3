import { NDArray } from "../base/index.ts";
import { type Denoised, epsOf, type Level } from "../diffusion/index.ts";
import type { Sampler, StepArguments } from "./sampler.ts";

export interface LangevinOptions {
  /** L, how many steps at every level. */
  readonly stepsPerLevel?: number;
  /** ε / σ_L², a step's size by its level's variance: 0.2 in the paper, where ε = 2e-5 and σ_L = 0.01. From 4 on it diverges. */
  readonly stepSize?: number;
  /** End with the estimate of x0, which takes away the noise that is left (Jolicoeur-Martineau et al. 2021, section 3.1). */
  readonly denoiseLast?: boolean;
}

/** The score −eps / σ, the gradient of ln p at the level. */
export const scoreOf = (denoised: Denoised, x: NDArray, level: Level): NDArray =>
  epsOf(denoised, x, level).mul(-1 / level.sigma);

/** x + size · score + √(2 size) z: Langevin's step towards the density that the score is of. */
export const langevinStep = (x: NDArray, score: NDArray, size: number, noise: NDArray): NDArray =>
  NDArray.combine([1, x], [size, score], [Math.sqrt(2 * size), noise]);

/**
 * Annealed Langevin dynamics (Song and Ermon 2019, algorithm 1): at every level as many steps with the score as it
 * takes to forget the level before, of size α = ε σ² / σ_L².
 */
export const langevin = ({
  stepsPerLevel = 100,
  stepSize = 0.2,
  denoiseLast = true,
}: LangevinOptions = {}): Sampler<undefined> => ({
  name: "langevin",
  order: 0,
  evaluations: (steps) => steps * stepsPerLevel + Number(denoiseLast),
  init: () => undefined,
  async step({ x: start, from, to, denoise, noise, memory }: StepArguments<undefined>) {
    const size = (stepSize * from.sigma ** 2) / 2;
    let x = start;
    let x0 = start;
    for (let i = 0; i < stepsPerLevel; i++) {
      const denoised = await denoise(x, from);
      x0 = denoised.x0;
      x = langevinStep(x, scoreOf(denoised, x, from), size, noise());
    }
    if (to.sigma === 0 && denoiseLast) {
      const end = await denoise(x, from);
      return { x: end.x0, denoised: end.x0, memory };
    }
    // The signal in x is the next level's; at α = 0 there is none.
    return { x: from.alpha === 0 ? x : x.mul(to.alpha / from.alpha), denoised: x0, memory };
  },
});
