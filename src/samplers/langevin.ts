import { NDArray } from "../base/index.ts";
import { type Denoised, epsOf, type Level } from "../diffusion/index.ts";
import type { Sampler, StepArguments } from "./sampler.ts";

export interface LangevinOptions {
  /** L, how many steps at every level. */
  readonly stepsPerLevel?: number;
  /** ε of the paper: the size of a step where there is least noise, whose σ is 1% of the data's range. */
  readonly stepSize?: number;
}

/** The score −eps / σ, the gradient of ln p at the level. */
export const scoreOf = (denoised: Denoised, x: NDArray, level: Level): NDArray =>
  epsOf(denoised, x, level).mul(-1 / level.sigma);

/** x + size · score + √(2 size) z: Langevin's step towards the density that the score is of. */
export const langevinStep = (x: NDArray, score: NDArray, size: number, noise: NDArray): NDArray =>
  NDArray.combine([1, x], [size, score], [Math.sqrt(2 * size), noise]);

/** The least noise on the path, by which all sizes are measured. */
interface Memory {
  readonly least: number;
}

/**
 * Annealed Langevin dynamics (Song and Ermon 2019, algorithm 1): at every level as many steps with the score as it
 * takes to forget the level before, of size α = ε σ² / σ_L². It ends with the estimate of x0, which takes away the
 * noise that is left (Jolicoeur-Martineau et al. 2021, section 3.1).
 */
export const langevin = ({
  stepsPerLevel = 100,
  stepSize = 2e-5,
}: LangevinOptions = {}): Sampler<Memory> => ({
  name: "langevin",
  order: 0,
  evaluations: (steps) => steps * stepsPerLevel + 1,
  init: (levels) => ({ least: Math.min(...levels.map(({ sigma }) => sigma).filter((sigma) => sigma > 0)) }),
  async step({ x: start, from, to, denoise, noise, memory }: StepArguments<Memory>) {
    const size = (stepSize * (from.sigma / memory.least) ** 2) / 2;
    let x = start;
    for (let i = 0; i < stepsPerLevel; i++) {
      const denoised = await denoise(x, from);
      x = langevinStep(x, scoreOf(denoised, x, from), size, noise());
    }
    if (to.sigma === 0) {
      const { x0 } = await denoise(x, from);
      return { x: x0, denoised: x0, memory };
    }
    return { x: x.mul(to.alpha / from.alpha), denoised: x, memory };
  },
});
