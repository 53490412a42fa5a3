import { lambdaOf, type NoiseProcess } from "../diffusion/index.ts";
import { ancestralSplit, withNoise } from "./euler-ancestral.ts";
import { along, frames, slope } from "./frame.ts";
import type { Sampler } from "./sampler.ts";

export interface Kdpm2Options {
  /** 0 is deterministic, 1 as random as ancestral sampling. */
  readonly eta?: number;
}

const frame = frames.karras;

/**
 * The midpoint rule with its middle halfway in λ: DPM-Solver-2 in Karras et al.'s form (Lu et al. 2022,
 * algorithm 1; Karras et al. 2022, section 5). With eta a step ends below, and noise leads up again.
 */
export const kdpm2 = (process: NoiseProcess, { eta = 0 }: Kdpm2Options = {}): Sampler<undefined> => ({
  name: eta === 0 ? "kdpm2" : "kdpm2 ancestral",
  order: eta === 0 ? 2 : 1,
  evaluations: (steps) => 2 * steps - 1,
  init: () => undefined,
  async step({ x, from, to, denoise, noise, memory }) {
    const denoised = await denoise(x, from);
    const { down, up } = ancestralSplit(from, to, eta);
    const first = slope(frame, denoised, x, from);
    if (to.sigma === 0)
      return { x: along(frame, { x, from, to }, [1, first]), denoised: denoised.x0, memory };
    const middle = process.levelAt((lambdaOf(from) + lambdaOf(down)) / 2);
    const half = along(frame, { x, from, to: middle }, [1, first]);
    const second = slope(frame, await denoise(half, middle), half, middle);
    const below = along(frame, { x, from, to: down }, [1, second]);
    return { x: withNoise(below, up, noise), denoised: denoised.x0, memory };
  },
});
