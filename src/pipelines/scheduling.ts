import { ArgumentError } from "../base/index.ts";
import { isDiscrete, type Level } from "../diffusion/index.ts";
import { initialDeviation, readScheduler, type SamplerSpec, type Scheduler } from "../samplers/index.ts";
import type { Family } from "./families.ts";

type Config = Readonly<Record<string, unknown>>;

/** How noise becomes a picture, in place of the model's own scheduler. */
export type Scheduling =
  /** A sampler in the model's process; of as many steps as the request says. */
  | { readonly kind: "sampler"; readonly spec: SamplerSpec }
  /** Another class of diffusers', with the model's configuration as far as it goes, as `from_config` there. */
  | { readonly kind: "class"; readonly name: string }
  /** Another `scheduler_config.json`. */
  | { readonly kind: "config"; readonly config: Config };

/**
 * What diffusers' pipelines of Stable Diffusion do to a scheduler's configuration, whatever its file says: they start a
 * timestep later, and clip nothing, as latents have no bounds.
 */
const mended = (config: Config): Config => ({
  ...config,
  ...("steps_offset" in config && { steps_offset: 1 }),
  ...("clip_sample" in config && { clip_sample: false }),
});

/** A scheduler, and the deviation of the noise that its pictures begin with. */
export interface PipelineScheduler extends Scheduler {
  readonly deviation: (level: Level) => number;
}

/** The scheduler of a pipeline with so many steps, or what stands in its place. */
export const schedulerFor = (
  own: Config,
  family: Family,
  { steps, scheduling }: { readonly steps: number; readonly scheduling?: Scheduling | undefined },
): PipelineScheduler => {
  const chosen =
    scheduling?.kind === "config"
      ? scheduling.config
      : { ...own, ...(scheduling?.kind === "class" && { _class_name: scheduling.name }) };
  const config = family.mendsScheduler ? mended(chosen) : chosen;
  const read = readScheduler(config, steps);
  if (scheduling?.kind !== "sampler")
    return { ...read, deviation: (level) => initialDeviation(config, level) };
  const sampler = { ...scheduling.spec, steps };
  return { ...read, sampler, deviation: ({ alpha, sigma }) => Math.hypot(alpha, sigma) };
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
