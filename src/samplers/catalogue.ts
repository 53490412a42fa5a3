import { z } from "zod";
import {
  clipped,
  type Denoiser,
  type Level,
  type NoiseProcess,
  type ReverseVariance,
  reverseVariances,
  thresholded,
} from "../diffusion/index.ts";
import { ancestral } from "./ancestral.ts";
import { ddim } from "./ddim.ts";
import { euler } from "./euler.ts";
import { type FrameName, frames } from "./frame.ts";
import { pathOf } from "./path.ts";
import type { Sampler } from "./sampler.ts";
import { type SigmaSpacing, sigmaSpacingNames } from "./sigma-spacing.ts";
import { type Grid, spacingNames } from "./spacing.ts";

/** A row of the catalogue: what a sampler may be told, and how it opens. */
interface Kind<F extends z.ZodRawShape> {
  readonly fields: F;
  /** Where its timesteps lie. */
  readonly grid: Grid;
  /** How many steps when none are asked for; null for every trained timestep. */
  readonly steps: number | null;
  readonly open: (spec: z.output<z.ZodObject<F>>, process: NoiseProcess) => Sampler;
}
const kind = <F extends z.ZodRawShape>(row: Kind<F>): Kind<F> => row;

const frame = z.enum(Object.keys(frames) as FrameName[]).default("karras");

const kinds = {
  ddim: kind({
    fields: {
      /** 0 is deterministic, 1 as random as ancestral sampling. */
      eta: z.number().min(0).max(1).default(0),
      /** Go along the network's own eps also where x0 was clipped, as diffusers' default does. */
      keepEps: z.boolean().default(false),
    },
    grid: "chain",
    steps: 50,
    open: ddim,
  }),
  ancestral: kind({
    fields: {
      variance: z.enum(Object.keys(reverseVariances) as ReverseVariance[]).default("fixed_small"),
    },
    grid: "chain",
    steps: null,
    open: ancestral,
  }),
  euler: kind({ fields: { frame }, grid: "ode", steps: 50, open: euler }),
} as const;

type Kinds = typeof kinds;
export type SamplerKind = keyof Kinds;
export const samplerKinds = Object.keys(kinds) as SamplerKind[];

const list = z.array(z.number()).nonempty();
const positiveList = z.array(z.number().positive()).nonempty();

/** What every sampler may be told. */
const shared = {
  /** `trailing` starts where the noise is: at the last trained timestep. A list is taken as it is. */
  spacing: z.union([z.enum(spacingNames), list]).default("trailing"),
  offset: z.int().nonnegative().optional(),
  sigmas: z.union([z.enum(sigmaSpacingNames as [SigmaSpacing, ...SigmaSpacing[]]), positiveList]).optional(),
  rho: z.number().positive().optional(),
  shift: z.number().positive().optional(),
  final: z.enum(["clean", "least"]).optional(),
  /** x0 is kept in [-clip, clip], or thresholded; null leaves it as the network says. */
  clip: z
    .union([
      z.number().positive(),
      z.strictObject({ quantile: z.number().gt(0).max(1), max: z.number().min(1) }),
    ])
    .nullable()
    .default(1),
};
type Shared = z.output<z.ZodObject<typeof shared>> & { readonly steps?: number | undefined };

/** A sampler and its path as data. */
export type SamplerSpec = {
  [K in SamplerKind]: { readonly kind: K } & z.output<z.ZodObject<Kinds[K]["fields"]>> & Shared;
}[SamplerKind];

const stepsOf = (fallback: number | null): z.ZodType =>
  fallback === null ? z.int().positive().optional() : z.int().positive().default(fallback);

export const samplerSchema = z.discriminatedUnion(
  "kind",
  Object.entries(kinds).map(([name, { fields, steps }]) =>
    z.strictObject({ kind: z.literal(name), ...fields, steps: stepsOf(steps), ...shared }),
  ) as never,
) as z.ZodType<SamplerSpec>;

/** A sampler ready for the driver. */
export interface OpenedSampler {
  readonly sampler: Sampler;
  /** The path from the noisiest level to the clean one. */
  readonly levels: readonly Level[];
  /** The denoiser with its x0 kept where the specification wants it. */
  readonly limit: (denoiser: Denoiser) => Denoiser;
}

/**
 * The sampler that a specification describes and its levels in a process.
 * @throws ArgumentError when it asks for more steps than the process has
 */
export const openSampler = (spec: SamplerSpec, process: NoiseProcess): OpenedSampler => {
  const { grid, open } = kinds[spec.kind] as unknown as Kind<z.ZodRawShape>;
  return { sampler: open(spec, process), levels: pathOf(process, spec, grid), limit: limitOf(spec) };
};

const limitOf = (spec: SamplerSpec): OpenedSampler["limit"] => {
  const { clip } = spec;
  if (clip === null) return (denoiser) => denoiser;
  if (typeof clip === "object") return (denoiser) => thresholded(denoiser, clip);
  const keepEps = spec.kind === "ddim" && spec.keepEps;
  return (denoiser) => clipped(denoiser, { range: clip, keepEps });
};
