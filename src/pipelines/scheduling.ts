import { ArgumentError } from "../base/index.ts";
import { isDiscrete, type Level } from "../diffusion/index.ts";
import { readScheduler, type SamplerSpec, type Scheduler } from "../samplers/index.ts";
import type { Family } from "./families.ts";

type Config = Readonly<Record<string, unknown>>;

/**
 * What diffusers' pipelines of Stable Diffusion do to a scheduler's configuration, whatever its file says: they start a
 * timestep later, and clip nothing, as latents have no bounds.
 */
const mended = (config: Config): Config => ({
  ...config,
  ...("steps_offset" in config && { steps_offset: 1 }),
  ...("clip_sample" in config && { clip_sample: false }),
});

/** The scheduler of a pipeline with so many steps, or another sampler in its process. */
export const schedulerFor = (
  config: Config,
  family: Family,
  { steps, sampler }: { readonly steps: number; readonly sampler?: SamplerSpec | undefined },
): Scheduler => {
  const read = readScheduler(family.mendsScheduler ? mended(config) : config, steps);
  return sampler ? { ...read, sampler: { ...sampler, steps: sampler.steps ?? steps } } : read;
};

/** The levels by timestep of the process that small pictures were noised by, as upscalers saw them in training. */
export const lowResLevels = (config: Config, most: number | null): ((t: number) => Level) => {
  const { process } = readScheduler(config);
  if (!isDiscrete(process))
    throw new ArgumentError({
      who: "low_res_scheduler",
      expected: "one of trained timesteps",
      got: "another",
    });
  const last = Math.min(process.steps - 1, most ?? Infinity);
  return (t) => {
    if (Number.isInteger(t) && t >= 0 && t <= last) return process.level(t);
    throw new ArgumentError({
      who: "noise level",
      expected: `a whole number from 0 to ${last}`,
      got: String(t),
    });
  };
};
