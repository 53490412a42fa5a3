import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
import {
  classifierGuided,
  clipped,
  type Denoiser,
  type DiffusionProcess,
  isDiscrete,
  type Level,
  type NoiseProcess,
  predictionNames,
  type ReverseVariance,
  reverseVariances,
  thresholded,
} from "../diffusion/index.ts";
import { ancestral, type MeanGuidance } from "./ancestral.ts";
import { edmChurn } from "./churn.ts";
import { ddim, ddimInversion, strided } from "./ddim.ts";
import { deis } from "./deis.ts";
import { dpmMultistep } from "./dpm-multistep.ts";
import { dpmSde } from "./dpm-sde.ts";
import { dpmSinglestep } from "./dpm-singlestep.ts";
import type { Churn } from "./driver.ts";
import { euler } from "./euler.ts";
import { eulerAncestral } from "./euler-ancestral.ts";
import { type AlgorithmName, algorithms } from "./exponential.ts";
import { type FrameName, frames } from "./frame.ts";
import { heun } from "./heun.ts";
import { kdpm2 } from "./kdpm2.ts";
import { langevin } from "./langevin.ts";
import { lcm } from "./lcm.ts";
import { lms } from "./lms.ts";
import { inversionPath, pathOf } from "./path.ts";
import { pndm } from "./pndm.ts";
import { predictorCorrector, predictorNames } from "./predictor-corrector.ts";
import { rk45 } from "./rk45.ts";
import type { Sampler } from "./sampler.ts";
import { type SigmaSpacing, sigmaSpacingNames } from "./sigma-spacing.ts";
import { type Grid, spacingNames } from "./spacing.ts";
import { tcd } from "./tcd.ts";
import { uniPc } from "./unipc.ts";

/** A row of the catalogue: what a sampler may be told, and how it opens. */
interface Kind<F extends z.ZodRawShape> {
  /** What it does, and the paper. */
  readonly summary: string;
  readonly fields: F;
  /** Where its timesteps lie. */
  readonly grid: Grid;
  /** How many steps when none are asked for; null for every trained timestep. */
  readonly steps: number | null;
  /** Whether it divides by alpha, as what works in x / alpha does; those with a frame do in Karras'. */
  readonly divides?: boolean;
  /** Whether it walks the path backwards, from data to noise. */
  readonly inverts?: boolean;
  /** Whether it evaluates at timesteps between those of the path, which only a trained chain has. */
  readonly amongTimesteps?: boolean;
  /** Whether a classifier moves the mean of its steps, and not the estimate that they go by. */
  readonly movesMean?: boolean;
  readonly open: (
    spec: z.output<z.ZodObject<F>> & { readonly steps?: number },
    process: NoiseProcess,
    guidance?: MeanGuidance,
  ) => Sampler;
  /** What it adds before its steps. */
  readonly churn?: (spec: z.output<z.ZodObject<F>>, process: NoiseProcess) => Churn;
}
const kind = <F extends z.ZodRawShape>(row: Kind<F>): Kind<F> => row;

/** The flow's is finite from noise alone to data; Karras' is diffusers' and k-diffusion's. */
const frame = (fallback: FrameName) => z.enum(Object.keys(frames) as FrameName[]).default(fallback);
const share = (fallback: number) => z.number().min(0).max(1).default(fallback);
const order = (fallback: number, most = 3) => z.int().min(1).max(most).default(fallback);
const lowerOrderFinal = z.boolean().default(true);

/** Go along the network's own eps also where x0 was clipped, as diffusers' default does. */
const keepEps = z.boolean().default(false);

/** Steps of equal length in t, as diffusers' are, whatever the path. */
const strides = z.literal(true).optional();

/** How many timesteps a consistency model was distilled at. */
const distilled = z.int().positive().optional();

/** What DPM-Solver's two forms may be told. */
const dpm = {
  algorithm: z.enum(Object.keys(algorithms) as AlgorithmName[]).default("dpmsolver++"),
  order: order(2),
  solver: z.enum(["midpoint", "heun"]).default("midpoint"),
  lowerOrderFinal,
};

const kinds = {
  ddim: kind({
    summary: "Denoising diffusion implicit models: no noise, steps of any length (Song, Meng and Ermon 2021)",
    fields: {
      /** 0 is deterministic, 1 as random as ancestral sampling. */
      eta: share(0),
      keepEps,
      strides,
    },
    grid: "chain",
    steps: 50,
    open: (spec, process) => alongStrides(ddim(spec), spec, process),
  }),
  ancestral: kind({
    summary:
      "the chain as it was trained: a draw from the posterior at every step (Ho, Jain and Abbeel 2020)",
    fields: {
      variance: z.enum(Object.keys(reverseVariances) as ReverseVariance[]).default("fixed_small"),
    },
    movesMean: true,
    grid: "chain",
    steps: null,
    open: (spec, _, guidance) => ancestral({ ...spec, guidance }),
  }),
  pndm: kind({
    summary: "Runge–Kutta, then a linear multistep rule, on the manifold of noised data (Liu et al. 2022)",
    fields: {
      skipPrk: z.boolean().default(false),
      averages: z.enum(predictionNames).default("epsilon"),
      strides,
    },
    divides: true,
    amongTimesteps: true,
    grid: "chain",
    steps: 50,
    open: (spec, process) => pndm(process, { ...spec, stride: strideOf(spec, process) }),
  }),
  euler: kind({
    summary: "Euler's rule (Karras et al. 2022, algorithm 1 without its correction)",
    fields: { frame: frame("flow") },
    grid: "ode",
    steps: 50,
    open: euler,
  }),
  euler_ancestral: kind({
    summary: "Euler's rule a little further down, and fresh noise up again (k-diffusion)",
    fields: { eta: share(1) },
    divides: true,
    grid: "ode",
    steps: 50,
    open: eulerAncestral,
  }),
  heun: kind({
    summary: "the mean of the slopes at both ends (Karras et al. 2022, algorithm 1)",
    fields: { frame: frame("flow") },
    grid: "ode",
    steps: 25,
    open: heun,
  }),
  edm: kind({
    summary:
      "Heun's rule from a little more noise than the step before left (Karras et al. 2022, algorithm 2)",
    fields: {
      churn: z.number().nonnegative().default(40),
      least: z.number().nonnegative().default(0.05),
      most: z.number().positive().default(50),
      noise: z.number().positive().default(1.003),
    },
    divides: true,
    grid: "ode",
    steps: 25,
    open: () => heun({ frame: "karras" }),
    churn: (spec, process) => edmChurn(process, spec),
  }),
  lms: kind({
    summary: "a polynomial through the last slopes (Adams and Bashforth; k-diffusion)",
    fields: { order: order(4, 4), frame: frame("karras") },
    grid: "ode",
    steps: 50,
    open: lms,
  }),
  kdpm2: kind({
    summary: "the slope at the middle in λ (Lu et al. 2022; Karras et al. 2022)",
    fields: { eta: share(0) },
    divides: true,
    grid: "midpoint",
    steps: 25,
    open: (spec, process) => kdpm2(process, spec),
  }),
  dpm_multistep: kind({
    summary: "DPM-Solver and DPM-Solver++: exponential integration with the last estimates (Lu et al. 2022)",
    fields: { ...dpm, eulerAtFinal: z.boolean().default(false) },
    divides: true,
    grid: "multistep",
    steps: 20,
    open: dpmMultistep,
  }),
  dpm_singlestep: kind({
    summary: "the same, each block of steps by itself (Lu et al. 2022)",
    fields: dpm,
    divides: true,
    grid: "exponential",
    steps: 20,
    open: dpmSinglestep,
  }),
  dpm_sde: kind({
    summary: "DPM-Solver++ of the reverse SDE with a middle evaluation (Lu et al. 2022; k-diffusion)",
    fields: { eta: share(1) },
    divides: true,
    grid: "ode",
    steps: 25,
    open: (spec, process) => dpmSde(process, spec),
  }),
  deis: kind({
    summary: "exponential integration of eps as a polynomial of λ (Zhang and Chen 2023)",
    fields: { order: order(2), lowerOrderFinal },
    divides: true,
    grid: "exponential",
    steps: 20,
    open: deis,
  }),
  unipc: kind({
    summary: "predictor and corrector of one order, the corrector for nothing (Zhao et al. 2023)",
    fields: {
      algorithm: z.enum(["dpmsolver", "dpmsolver++"]).default("dpmsolver++"),
      order: order(2),
      solver: z.enum(["bh1", "bh2"]).default("bh2"),
      lowerOrderFinal,
      uncorrected: z.array(z.int().nonnegative()).default([]),
    },
    divides: true,
    grid: "exponential",
    steps: 20,
    open: uniPc,
  }),
  lcm: kind({
    summary: "for latent consistency models: straight to data, up again by noise (Luo et al. 2023)",
    fields: { timestepScaling: z.number().positive().default(10), distilled },
    grid: "distilled",
    steps: 4,
    open: lcm,
  }),
  /** DDIM up from data to noise. */
  ddim_inversion: kind({
    summary: "DDIM from an image to its noise (Song, Meng and Ermon 2021)",
    fields: { keepEps, strides },
    grid: "chain",
    steps: 50,
    inverts: true,
    open: (spec, process) => alongStrides(ddimInversion(), spec, process),
  }),
  rk45: kind({
    summary: "the probability-flow ODE to a tolerance (Song et al. 2021)",
    fields: { rtol: z.number().positive().default(1e-5), atol: z.number().positive().default(1e-5) },
    grid: "ends",
    steps: 2,
    open: (spec, process) => rk45(process, spec),
  }),
  langevin: kind({
    summary: "annealed Langevin dynamics: many small steps at every level (Song and Ermon 2019)",
    fields: {
      stepsPerLevel: z.int().positive().default(100),
      stepSize: z.number().positive().lt(4).default(0.2),
      denoiseLast: z.boolean().default(true),
    },
    grid: "ode",
    steps: 10,
    open: langevin,
  }),
  predictor_corrector: kind({
    summary: "reverse diffusion, corrected by Langevin steps (Song et al. 2021)",
    fields: {
      predictor: z.enum(predictorNames).default("reverse_diffusion"),
      correctorSteps: z.int().positive().default(1),
      snr: z.number().positive().default(0.16),
      norms: z.enum(["sample", "batch"]).default("sample"),
    },
    grid: "chain",
    steps: null,
    open: predictorCorrector,
  }),
  tcd: kind({
    summary: "for trajectory consistency models (Zheng et al. 2024)",
    fields: { eta: share(0.3), distilled },
    amongTimesteps: true,
    grid: "distilled",
    steps: 4,
    open: (spec, process) => tcd(process, spec),
  }),
} as const;

type Kinds = typeof kinds;
export type SamplerKind = keyof Kinds;
export const samplerKinds = Object.keys(kinds) as SamplerKind[];

/** What each kind does, and its paper. */
export const samplerSummaries = Object.fromEntries(
  samplerKinds.map((kind) => [kind, kinds[kind].summary]),
) as Readonly<Record<SamplerKind, string>>;

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
  lambdaMin: z.number().optional(),
  final: z.enum(["clean", "least"]).optional(),
  /** x0 is kept in [-clip, clip], or thresholded; null leaves it as the network says. */
  clip: z
    .union([
      z.number().positive(),
      z.strictObject({ quantile: z.number().gt(0).max(1), max: z.number().positive() }),
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
  readonly churn?: Churn;
  /** The denoiser led by the classifier, if there is one, with its x0 kept where the specification wants it. */
  readonly limit: (denoiser: Denoiser) => Denoiser;
}

/**
 * The sampler that a specification describes and its levels in a process. A classifier guides ancestral sampling by
 * algorithm 1 of Dhariwal and Nichol 2021, all others by algorithm 2.
 * @throws ArgumentError when it asks for more steps than the process has, or for timesteps where it has none
 */
export const openSampler = (
  spec: SamplerSpec,
  process: NoiseProcess,
  guidance?: MeanGuidance,
): OpenedSampler => {
  const row = kinds[spec.kind] as unknown as Kind<z.ZodRawShape>;
  const { grid, open, churn, inverts, movesMean = false, divides = false } = row;
  if (row.amongTimesteps) requireTimesteps(spec.kind, process);
  const inKarras = "frame" in spec && spec.frame === "karras";
  const levels = pathOf(process, { ...spec, divides: divides || inKarras }, grid);
  return {
    sampler: open(spec, process, guidance),
    ...(churn && { churn: churn(spec, process) }),
    levels: inverts ? inversionPath(levels) : levels,
    limit: guidance && !movesMean ? led(guidance, limitOf(spec)) : limitOf(spec),
  };
};

const requireTimesteps = (who: string, process: NoiseProcess): DiffusionProcess => {
  if (isDiscrete(process)) return process;
  throw new ArgumentError({
    who,
    expected: "a process of trained timesteps",
    got: "one in continuous time",
  });
};

type Striding = { readonly strides?: true | undefined; readonly steps?: number };

const strideOf = ({ strides, steps = 50 }: Striding, process: NoiseProcess): number | undefined =>
  strides && Math.floor(requireTimesteps("strides", process).steps / steps);

const alongStrides = (sampler: Sampler<undefined>, spec: Striding, process: NoiseProcess): Sampler => {
  const stride = strideOf(spec, process);
  return (stride === undefined ? sampler : strided(sampler, process, stride)) as Sampler;
};

/** Clipped after guidance, not before. */
const led =
  ({ gradient, scale }: MeanGuidance, limit: OpenedSampler["limit"]): OpenedSampler["limit"] =>
  (denoiser) =>
    limit(classifierGuided(denoiser, gradient, scale));

const limitOf = (spec: SamplerSpec): OpenedSampler["limit"] => {
  const { clip } = spec;
  if (clip === null) return (denoiser) => denoiser;
  const keepEps = "keepEps" in spec && spec.keepEps;
  if (typeof clip === "object") return (denoiser) => thresholded(denoiser, { ...clip, keepEps });
  return (denoiser) => clipped(denoiser, { range: clip, keepEps });
};
