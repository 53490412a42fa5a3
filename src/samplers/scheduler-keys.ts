import { z } from "zod";
import { predictionNames, type Schedule, scheduleSchema } from "../diffusion/index.ts";
import type { SamplerSpec } from "./catalogue.ts";

/** A scheduler's configuration under diffusers' keys. */
export type SchedulerKeys = Readonly<Record<string, unknown>>;

/** What can be said of a sampler apart from its kind. */
export type SpecFields = Omit<Record<string, unknown>, "kind">;

/**
 * Some keys of diffusers' that say one thing, with diffusers' defaults, and the two directions: what they
 * mean for a specification, and how a specification is written with them.
 */
export interface KeyGroup<F extends z.ZodRawShape = z.ZodRawShape> {
  readonly keys: F;
  readonly read: (config: z.output<z.ZodObject<F>>) => SpecFields;
  readonly write: (spec: SamplerSpec) => SchedulerKeys;
}
export const group = <F extends z.ZodRawShape>(keys: KeyGroup<F>): KeyGroup<F> => keys;

/** Whether clipping, thresholding or nothing keeps x0 in its range. */
export const clipKeys = group({
  keys: {
    clip_sample: z.boolean().default(true),
    clip_sample_range: z.number().positive().default(1),
    thresholding: z.boolean().default(false),
    dynamic_thresholding_ratio: z.number().gt(0).max(1).default(0.995),
    sample_max_value: z.number().min(1).default(1),
  },
  read: ({ clip_sample, clip_sample_range, thresholding, dynamic_thresholding_ratio, sample_max_value }) => {
    if (thresholding) return { clip: { quantile: dynamic_thresholding_ratio, max: sample_max_value } };
    return { clip: clip_sample ? clip_sample_range : null };
  },
  write: ({ clip }) => {
    if (clip === null) return { clip_sample: false, thresholding: false };
    if (typeof clip === "number") return { clip_sample: true, clip_sample_range: clip, thresholding: false };
    return {
      clip_sample: false,
      thresholding: true,
      dynamic_thresholding_ratio: clip.quantile,
      sample_max_value: clip.max,
    };
  },
});

/** Where timesteps lie. @param fallback diffusers' default of the class */
export const spacingKeys = (fallback: "leading" | "linspace" | "trailing") =>
  group({
    keys: {
      timestep_spacing: z.enum(["leading", "linspace", "trailing"]).default(fallback),
      steps_offset: z.int().nonnegative().default(0),
    },
    read: ({ timestep_spacing, steps_offset }) => ({
      spacing: timestep_spacing,
      ...(steps_offset > 0 && { offset: steps_offset }),
    }),
    write: ({ spacing, offset = 0 }) => ({ timestep_spacing: spacing, steps_offset: offset }),
  });

/** Whether the last step ends at data. */
export const alphaToOneKeys = group({
  keys: { set_alpha_to_one: z.boolean().default(true) },
  read: ({ set_alpha_to_one }) => ({ final: set_alpha_to_one ? "clean" : "least" }),
  write: ({ final = "clean" }) => ({ set_alpha_to_one: final === "clean" }),
});

/** Whether the last step ends at data, by the name of the noise left. */
export const finalSigmaKeys = (fallback: "zero" | "sigma_min") =>
  group({
    keys: { final_sigmas_type: z.enum(["zero", "sigma_min"]).default(fallback) },
    read: ({ final_sigmas_type }) => ({ final: final_sigmas_type === "zero" ? "clean" : "least" }),
    write: ({ final = "clean" }) => ({ final_sigmas_type: final === "clean" ? "zero" : "sigma_min" }),
  });

/** The keys that choose a spacing of the noise itself, by what they choose. */
const sigmaSpacings = {
  karras: "use_karras_sigmas",
  exponential: "use_exponential_sigmas",
  beta: "use_beta_sigmas",
} as const;

/** A spacing of the noise itself in place of the timesteps'. */
export const sigmaKeys = group({
  keys: {
    use_karras_sigmas: z.boolean().default(false),
    use_exponential_sigmas: z.boolean().default(false),
    use_beta_sigmas: z.boolean().default(false),
  },
  read: (config) => {
    const chosen = Object.entries(sigmaSpacings).find(([, key]) => config[key]);
    return chosen ? { sigmas: chosen[0] } : {};
  },
  write: ({ sigmas }) =>
    Object.fromEntries(Object.entries(sigmaSpacings).map(([name, key]) => [key, sigmas === name])),
});

/** What a network predicts. */
export const predictionKey = z.enum(predictionNames).default("epsilon");

/** The keys of the schedule, which are ours too; `given` betas have no name at diffusers. */
export const scheduleKeys = {
  num_train_timesteps: z.int().positive().default(1000),
  beta_start: z.number().default(1e-4),
  beta_end: z.number().default(0.02),
  beta_schedule: z.string().default("linear"),
  trained_betas: z.array(z.number()).nullish(),
  rescale_betas_zero_snr: z.boolean().default(false),
};

/** The schedule of a configuration. */
export const readSchedule = (config: z.output<z.ZodObject<typeof scheduleKeys>>): Schedule => {
  const { trained_betas, num_train_timesteps, beta_start, beta_end, beta_schedule, rescale_betas_zero_snr } =
    config;
  const rest = { beta_start, beta_end, rescale_betas_zero_snr };
  return scheduleSchema.parse(
    trained_betas
      ? { ...rest, beta_schedule: "given", trained_betas, num_train_timesteps: trained_betas.length }
      : { ...rest, beta_schedule, num_train_timesteps },
  );
};

/** A schedule under diffusers' keys. */
export const writeSchedule = ({ beta_schedule, ...schedule }: Schedule): SchedulerKeys => ({
  ...schedule,
  beta_schedule: beta_schedule === "given" ? "linear" : beta_schedule,
});
