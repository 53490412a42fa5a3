import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
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

/** Whether x0 is divided by a quantile. */
const thresholding = {
  thresholding: z.boolean().default(false),
  dynamic_thresholding_ratio: z.number().gt(0).max(1).default(0.995),
  sample_max_value: z.number().positive().default(1),
};

/** The keys of {@link thresholding}, of classes that do not clip. */
export const thresholdKeys = group({
  keys: thresholding,
  read: ({ thresholding, dynamic_thresholding_ratio, sample_max_value }) => ({
    clip: thresholding ? { quantile: dynamic_thresholding_ratio, max: sample_max_value } : null,
  }),
  write: ({ clip }) =>
    typeof clip === "object" && clip !== null
      ? { thresholding: true, dynamic_thresholding_ratio: clip.quantile, sample_max_value: clip.max }
      : { thresholding: false },
});

/** Whether clipping, thresholding or nothing keeps x0 in its range. @param fallback diffusers' default of the class */
export const clipKeys = (fallback: boolean) =>
  group({
    keys: {
      ...thresholding,
      clip_sample: z.boolean().default(fallback),
      clip_sample_range: z.number().positive().default(1),
    },
    read: ({ clip_sample, clip_sample_range, ...config }) =>
      config.thresholding ? thresholdKeys.read(config) : { clip: clip_sample ? clip_sample_range : null },
    write: (spec) => ({
      ...thresholdKeys.write(spec),
      ...(typeof spec.clip === "number"
        ? { clip_sample: true, clip_sample_range: spec.clip }
        : { clip_sample: false }),
    }),
  });

/** Keys of diffusers' that are fields of ours under another name. */
export const renamed = <F extends z.ZodRawShape>(keys: F, names: { readonly [K in keyof F]: string }) =>
  group({
    keys,
    read: (config) =>
      Object.fromEntries(Object.entries(names).map(([key, field]) => [field, config[key as never]])),
    write: (spec) =>
      Object.fromEntries(
        Object.entries(names).map(([key, field]) => [
          key,
          (spec as unknown as SchedulerKeys)[field as string],
        ]),
      ),
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

/** Whether the last step ends at data. @param fallback diffusers' default of the class */
export const alphaToOneKeys = (fallback: boolean) =>
  group({
    keys: { set_alpha_to_one: z.boolean().default(fallback) },
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
  lambda: "use_lu_lambdas",
} as const;

/** A spacing of the noise itself in place of the timesteps'; at most one. */
export const sigmaKeys = group({
  keys: Object.fromEntries(Object.values(sigmaSpacings).map((key) => [key, z.boolean().nullish()])) as Record<
    (typeof sigmaSpacings)[keyof typeof sigmaSpacings],
    z.ZodOptional<z.ZodNullable<z.ZodBoolean>>
  >,
  read(config) {
    const chosen = Object.entries(sigmaSpacings).filter(([, key]) => config[key]);
    if (chosen.length > 1)
      throw new ArgumentError({
        who: "sigmas",
        expected: "one spacing",
        got: chosen.map(([, key]) => key).join(" and "),
      });
    return chosen[0] ? { sigmas: chosen[0][0] } : {};
  },
  write: ({ sigmas }) =>
    Object.fromEntries(Object.entries(sigmaSpacings).map(([name, key]) => [key, sigmas === name])),
});
