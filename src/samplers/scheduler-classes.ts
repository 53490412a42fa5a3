import { z } from "zod";
import { type ReverseVariance, reverseVariances } from "../diffusion/index.ts";
import type { SamplerKind, SamplerSpec } from "./catalogue.ts";
import {
  alphaToOneKeys,
  clipKeys,
  finalSigmaKeys,
  group,
  type KeyGroup,
  type SpecFields,
  sigmaKeys,
  spacingKeys,
} from "./scheduler-keys.ts";

/** A scheduler of diffusers': the sampler that it is, and the keys that it reads. */
export interface SchedulerClass {
  readonly kind: SamplerKind;
  readonly groups: readonly KeyGroup[];
  /** What the class always does. */
  readonly always?: SpecFields;
  /** The least ᾱ of a schedule whose terminal SNR is zero. */
  readonly leastAlphaBar?: number;
}

const row = (
  kind: SamplerKind,
  groups: readonly unknown[],
  extras: Omit<SchedulerClass, "kind" | "groups"> = {},
): SchedulerClass => ({ kind, groups: groups as readonly KeyGroup[], ...extras });

/** `fixed_small_log` and `fixed_large_log` are the same variances, computed through logarithms. */
const varianceKeys = group({
  keys: {
    variance_type: z
      .enum([...(Object.keys(reverseVariances) as ReverseVariance[]), "fixed_small_log", "fixed_large_log"])
      .default("fixed_small"),
  },
  read: ({ variance_type }) => ({ variance: variance_type.replace(/_log$/, "") }),
  write: (spec) => ({ variance_type: (spec as Extract<SamplerSpec, { kind: "ancestral" }>).variance }),
});

/** ᾱ of noise alone, in place of the 0 that Euler's kind could not divide by. */
const LEAST_ALPHA_BAR = 2 ** -24;

/** diffusers' schedulers by `_class_name`. The first row of a kind is the one that it is written as. */
export const schedulerClasses: Readonly<Record<string, SchedulerClass>> = {
  DDPMScheduler: row("ancestral", [spacingKeys("leading"), clipKeys, varianceKeys]),
  DDIMScheduler: row("ddim", [spacingKeys("leading"), clipKeys, alphaToOneKeys], {
    always: { keepEps: true },
  }),
  EulerDiscreteScheduler: row("euler", [spacingKeys("linspace"), sigmaKeys, finalSigmaKeys("zero")], {
    always: { clip: null },
    leastAlphaBar: LEAST_ALPHA_BAR,
  }),
};
