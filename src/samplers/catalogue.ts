import { z } from "zod";
import {
  type Clipping,
  type DiffusionProcess,
  type Level,
  type ReverseVariance,
  reverseVariances,
} from "../diffusion/index.ts";
import { ancestral } from "./ancestral.ts";
import { ddim } from "./ddim.ts";
import type { Sampler } from "./sampler.ts";
import { levelPath, spacedTimesteps, spacingNames } from "./spacing.ts";

const shared = {
  /** `trailing` starts where the noise is: at the last trained timestep. */
  spacing: z.enum(spacingNames).default("trailing"),
  /** x0 is kept in [-clip, clip]; null leaves it as the network says. */
  clip: z.number().positive().nullable().default(1),
};

/** A sampler and its path as data. */
export const samplerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("ddim"),
    steps: z.int().positive().default(50),
    /** 0 is deterministic, 1 as random as ancestral sampling. */
    eta: z.number().min(0).max(1).default(0),
    /** Go along the network's own eps also where x0 was clipped, as diffusers' default does. */
    keepEps: z.boolean().default(false),
    ...shared,
  }),
  z.strictObject({
    kind: z.literal("ancestral"),
    /** All trained timesteps when absent. */
    steps: z.int().positive().optional(),
    variance: z.enum(Object.keys(reverseVariances) as ReverseVariance[]).default("fixed_small"),
    ...shared,
  }),
]);
export type SamplerSpec = z.output<typeof samplerSchema>;
type SpecOf<K extends SamplerSpec["kind"]> = Extract<SamplerSpec, { kind: K }>;

const samplers: { readonly [K in SamplerSpec["kind"]]: (spec: SpecOf<K>) => Sampler } = { ddim, ancestral };

/** A sampler ready for the driver. */
export interface OpenedSampler {
  readonly sampler: Sampler;
  /** The path from the noisiest level to the clean one. */
  readonly levels: readonly Level[];
  /** What `clipped` is told; null for no clipping. */
  readonly clip: Clipping | null;
}

/**
 * The sampler that a specification describes and its levels in a process.
 * @throws ArgumentError when it asks for more steps than the process has
 */
export const openSampler = (spec: SamplerSpec, process: DiffusionProcess): OpenedSampler => {
  const { steps = process.steps, spacing, clip: range } = spec;
  const open = samplers[spec.kind] as (spec: SamplerSpec) => Sampler;
  const timesteps = spacedTimesteps(spacing, { steps, trained: process.steps });
  const keepEps = spec.kind === "ddim" && spec.keepEps;
  return {
    sampler: open(spec),
    levels: levelPath(process, timesteps),
    clip: range === null ? null : { range, keepEps },
  };
};
