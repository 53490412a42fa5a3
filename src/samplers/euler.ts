import { along, type FrameName, frames, slope } from "./frame.ts";
import { plainSampler, type Sampler } from "./sampler.ts";

export interface FrameOptions {
  readonly frame?: FrameName;
}

/**
 * Euler's rule (Karras et al. 2022, algorithm 1 without its correction). In every frame it lands where
 * DDIM does without noise: at α' x0 + σ' eps.
 */
export const euler = ({ frame: name = "flow" }: FrameOptions = {}): Sampler<undefined> => {
  const frame = frames[name];
  return plainSampler("euler", async ({ x, from, to, denoise }) => {
    const denoised = await denoise(x, from);
    const d = slope(frame, denoised, x, from);
    return { x: along(frame, { x, from, to }, [1, d]), denoised: denoised.x0 };
  });
};
