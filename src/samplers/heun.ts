import type { FrameOptions } from "./euler.ts";
import { along, frames, slope } from "./frame.ts";
import type { Sampler } from "./sampler.ts";

/**
 * Heun's rule: the mean of the slopes at both ends of Euler's step (Karras et al. 2022, algorithm 1). The last
 * step is Euler's, as there is no slope at the clean level. With churn it is their stochastic sampler, algorithm 2.
 */
export const heun = ({ frame: name = "flow" }: FrameOptions = {}): Sampler<undefined> => {
  const frame = frames[name];
  return {
    name: "heun",
    order: 2,
    evaluations: (steps) => 2 * steps - 1,
    init: () => undefined,
    async step({ x, from, to, denoise, memory }) {
      const denoised = await denoise(x, from);
      const first = slope(frame, denoised, x, from);
      const euler = along(frame, { x, from, to }, [1, first]);
      if (to.sigma === 0) return { x: euler, denoised: denoised.x0, memory };
      const second = slope(frame, await denoise(euler, to), euler, to);
      const end = along(frame, { x, from, to }, [0.5, first], [0.5, second]);
      return { x: end, denoised: denoised.x0, memory };
    },
  };
};
