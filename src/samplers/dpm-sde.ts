import { NDArray } from "../base/index.ts";
import { type Level, lambdaOf, type NoiseProcess } from "../diffusion/index.ts";
import { ancestralSplit, withNoise } from "./euler-ancestral.ts";
import type { Sampler } from "./sampler.ts";

export interface DpmSdeOptions {
  /** 0 draws no noise, 1 as much as the reverse SDE. */
  readonly eta?: number;
}

/** x0 held constant from x at a level to another: (σ'/σ) x + (α' − σ' α / σ) x0 (Lu et al. 2022b, eq. 8). */
const held = (x: NDArray, x0: NDArray, from: Level, to: Level): NDArray => {
  const carry = to.sigma / from.sigma;
  return NDArray.combine([carry, x], [to.alpha - carry * from.alpha, x0]);
};

/**
 * DPM++ SDE (k-diffusion; Lu et al. 2022b, appendix): the singlestep rule of the second order with its middle
 * halfway in λ, each half ending below its level and noise leading up.
 */
export const dpmSde = (process: NoiseProcess, { eta = 1 }: DpmSdeOptions = {}): Sampler<undefined> => ({
  name: "dpm sde",
  order: eta === 0 ? 2 : 1,
  evaluations: (steps) => 2 * steps - 1,
  init: () => undefined,
  async step({ x, from, to, denoise, noise, memory }) {
    const { x0 } = await denoise(x, from);
    if (to.sigma === 0) return { x: held(x, x0, from, to), denoised: x0, memory };
    const middle = process.levelAt((lambdaOf(from) + lambdaOf(to)) / 2);
    const half = ancestralSplit(from, middle, eta);
    const there = withNoise(held(x, x0, from, half.down), half.up, noise);
    const { x0: second } = await denoise(there, middle);
    const whole = ancestralSplit(from, to, eta);
    // With the middle at 1/2 the two estimates weigh 1 − 1/(2·1/2) and 1/(2·1/2): the second alone.
    return { x: withNoise(held(x, second, from, whole.down), whole.up, noise), denoised: x0, memory };
  },
});
