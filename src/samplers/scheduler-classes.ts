import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
import type { ReverseVariance } from "../diffusion/index.ts";
import type { SamplerKind } from "./catalogue.ts";
import { type AlgorithmName, algorithms } from "./exponential.ts";
import {
  alphaToOneKeys,
  clipKeys,
  finalSigmaKeys,
  group,
  type KeyGroup,
  renamed,
  type SpecFields,
  sigmaKeys,
  spacingKeys,
  thresholdKeys,
} from "./scheduler-keys.ts";
import type { SchedulerProcess } from "./scheduler-processes.ts";

/** A scheduler of diffusers': the sampler that it is, its process, and the keys that it reads. */
export interface SchedulerClass {
  readonly kind: SamplerKind;
  readonly process: SchedulerProcess;
  readonly groups: readonly KeyGroup[];
  /** What the class always does. */
  readonly always: SpecFields;
}

const row = (
  kind: SamplerKind,
  process: SchedulerProcess,
  groups: readonly unknown[],
  always: SpecFields = {},
): SchedulerClass => ({ kind, process, groups: groups as readonly KeyGroup[], always });

/** diffusers' names of variances; the last two are computed through logarithms. */
const variances = {
  fixed_small: "fixed_small",
  fixed_large: "fixed_large",
  learned_range: "learned_range",
  learned: "learned_variance",
  fixed_small_log: "fixed_small",
  fixed_large_log: "fixed_large",
} as const satisfies Readonly<Record<string, ReverseVariance>>;
type VarianceName = keyof typeof variances;

const varianceKeys = group({
  keys: { variance_type: z.enum(Object.keys(variances) as VarianceName[]).default("fixed_small") },
  read: ({ variance_type }) => ({ variance: variances[variance_type] }),
  write(spec) {
    const variance = "variance" in spec ? spec.variance : "fixed_small";
    const found = Object.entries(variances).find(([, ours]) => ours === variance);
    if (found) return { variance_type: found[0] };
    throw new ArgumentError({ who: "variance", expected: "one that diffusers has", got: variance });
  },
});

const solverOrder = (fallback: number) =>
  renamed({ solver_order: z.int().min(1).max(4).default(fallback) }, { solver_order: "order" });
const lowerOrderFinal = (fallback: boolean) =>
  renamed({ lower_order_final: z.boolean().default(fallback) }, { lower_order_final: "lowerOrderFinal" });

/** A name of the class's own, the first by default; a sibling's stands for that, so that configurations pass between. */
const ownName = <N extends string>(own: readonly [N, ...N[]], siblings: readonly string[]) =>
  z
    .enum([...own, ...siblings])
    .transform((name) => own.find((candidate) => candidate === name) ?? own[0])
    .default(() => own[0] as never);

const dpmSolver = renamed(
  {
    algorithm_type: ownName(Object.keys(algorithms) as [AlgorithmName, ...AlgorithmName[]], ["deis"]),
    solver_type: ownName(["midpoint", "heun"], ["logrho", "bh1", "bh2"]),
  },
  { algorithm_type: "algorithm", solver_type: "solver" },
);
/** The least λ of the timesteps that are spaced. */
const clippedLambda = group({
  keys: { lambda_min_clipped: z.literal(-Infinity).or(z.number()).default(-Infinity) },
  read: ({ lambda_min_clipped: least }) => (least === -Infinity ? {} : { lambdaMin: least }),
  write: ({ lambdaMin }) => (lambdaMin === undefined ? {} : { lambda_min_clipped: lambdaMin }),
});
const eulerAtFinal = renamed(
  { euler_at_final: z.boolean().default(false) },
  { euler_at_final: "eulerAtFinal" },
);

const uniPcAlgorithm = group({
  keys: {
    predict_x0: z.boolean().default(true),
    solver_type: ownName(["bh2", "bh1"], ["midpoint", "heun", "logrho"]),
    disable_corrector: z.array(z.int().nonnegative()).default([]),
  },
  read: ({ predict_x0, solver_type, disable_corrector }) => ({
    algorithm: predict_x0 ? "dpmsolver++" : "dpmsolver",
    solver: solver_type,
    uncorrected: disable_corrector,
    ...(predict_x0 ? {} : { clip: null }), // diffusers thresholds no eps here
  }),
  write: (spec) => ({
    predict_x0: "algorithm" in spec && spec.algorithm === "dpmsolver++",
    solver_type: "solver" in spec ? spec.solver : "bh2",
    disable_corrector: "uncorrected" in spec ? spec.uncorrected : [],
  }),
});

/** Ends of the noise other than the schedule's, which are not supported. */
const noiseEnds = group({
  keys: { sigma_min: z.null().optional(), sigma_max: z.null().optional() },
  read: () => ({}),
  write: () => ({}),
});

const edmSpacing = group({
  keys: {
    sigma_schedule: z.enum(["karras", "exponential"]).default("karras"),
    rho: z.number().positive().default(7),
  },
  read: ({ sigma_schedule, rho }) => ({ spacing: "linspace", sigmas: sigma_schedule, rho }),
  write: ({ sigmas = "karras", rho = 7 }) => ({ sigma_schedule: sigmas, rho }),
});

const shiftKeys = group({
  keys: { shift: z.number().positive().default(1) },
  read: ({ shift }) => ({ spacing: "linspace", shift }),
  write: ({ shift = 1 }) => ({ shift }),
});

/** A shift of σ / α by e^μ or by μ, where the caller says μ. */
const dynamicShift = group({
  keys: {
    use_dynamic_shifting: z.boolean().default(false),
    time_shift_type: z.enum(["exponential", "linear"]).default("exponential"),
    mu: z.number().optional(),
  },
  read({ use_dynamic_shifting, time_shift_type, mu }) {
    if (!use_dynamic_shifting) return {};
    if (mu === undefined)
      throw new ArgumentError({
        who: "use_dynamic_shifting",
        expected: "mu, which its caller computes from the size of an image",
        got: "none",
      });
    return { shift: time_shift_type === "exponential" ? Math.exp(mu) : mu };
  },
  write: () => ({}),
});

/** diffusers' DDIM and PNDM step ⌊T / n⌋ timesteps whatever their spacing, of which `leading` is the one of such steps. */
const strideKeys = group({
  keys: { timestep_spacing: z.enum(["leading", "linspace", "trailing"]).default("leading") },
  read: ({ timestep_spacing }) => (timestep_spacing === "leading" ? {} : { strides: true }),
  write: () => ({}),
});

/** PNDM averages what the network says, whatever that is. */
const averagedKey = group({
  keys: { prediction_type: z.enum(["epsilon", "sample", "v_prediction"]).default("epsilon") },
  read: ({ prediction_type }) => ({ averages: prediction_type }),
  write: () => ({}),
});

const distilledKeys = renamed(
  { original_inference_steps: z.int().positive().default(50) },
  { original_inference_steps: "distilled" },
);

const spaced = [spacingKeys("linspace"), sigmaKeys] as const;
const multistep = [
  finalSigmaKeys("zero"),
  thresholdKeys,
  solverOrder(2),
  lowerOrderFinal(true),
  eulerAtFinal,
  dpmSolver,
] as const;
const implicit = [strideKeys, spacingKeys("leading"), clipKeys(true), alphaToOneKeys(true)] as const;
const unclipped = { clip: null };
const inRatios = { ...unclipped, frame: "karras" };

/** diffusers' schedulers by `_class_name`. The first row of a kind and process is the one that it is written as. */
export const schedulerClasses: Readonly<Record<string, SchedulerClass>> = {
  DDPMScheduler: row("ancestral", "chain", [spacingKeys("leading"), clipKeys(true), varianceKeys]),
  DDIMScheduler: row("ddim", "chain", implicit, { keepEps: true }),
  DDIMInverseScheduler: row("ddim_inversion", "chain", implicit, { keepEps: true }),
  UnCLIPScheduler: row("ancestral", "unclip", [clipKeys(true), varianceKeys], { spacing: "linspace" }),
  PNDMScheduler: row(
    "pndm",
    "chain",
    [
      strideKeys,
      spacingKeys("leading"),
      alphaToOneKeys(false),
      renamed({ skip_prk_steps: z.boolean().default(false) }, { skip_prk_steps: "skipPrk" }),
      averagedKey,
    ],
    unclipped,
  ),
  EulerDiscreteScheduler: row("euler", "ratio", [...spaced, finalSigmaKeys("zero"), noiseEnds], inRatios),
  EulerAncestralDiscreteScheduler: row("euler_ancestral", "ratio", [spacingKeys("linspace")], unclipped),
  HeunDiscreteScheduler: row("heun", "stable", [...spaced, clipKeys(false)], { frame: "karras" }),
  LMSDiscreteScheduler: row("lms", "chain", spaced, inRatios),
  KDPM2DiscreteScheduler: row("kdpm2", "stable", spaced, { ...unclipped, eta: 0 }),
  KDPM2AncestralDiscreteScheduler: row("kdpm2", "stable", spaced, { ...unclipped, eta: 1 }),
  DPMSolverSDEScheduler: row("dpm_sde", "stable", spaced, unclipped),
  DPMSolverMultistepScheduler: row("dpm_multistep", "ratio", [...spaced, clippedLambda, ...multistep]),
  DPMSolverSinglestepScheduler: row(
    "dpm_singlestep",
    "chain",
    [
      sigmaKeys,
      clippedLambda,
      finalSigmaKeys("zero"),
      thresholdKeys,
      solverOrder(2),
      lowerOrderFinal(false),
      dpmSolver,
    ],
    { spacing: "linspace" },
  ),
  DEISMultistepScheduler: row(
    "deis",
    "chain",
    [...spaced, thresholdKeys, solverOrder(2), lowerOrderFinal(true)],
    { final: "least" },
  ),
  UniPCMultistepScheduler: row("unipc", "ratio", [
    ...spaced,
    finalSigmaKeys("zero"),
    thresholdKeys,
    solverOrder(2),
    lowerOrderFinal(true),
    uniPcAlgorithm,
    noiseEnds,
  ]),
  EDMEulerScheduler: row("euler", "edm", [edmSpacing, finalSigmaKeys("zero")], inRatios),
  EDMDPMSolverMultistepScheduler: row("dpm_multistep", "edm", [edmSpacing, ...multistep]),
  LCMScheduler: row("lcm", "latent", [
    clipKeys(false),
    distilledKeys,
    renamed({ timestep_scaling: z.number().positive().default(10) }, { timestep_scaling: "timestepScaling" }),
  ]),
  TCDScheduler: row("tcd", "latent", [distilledKeys], { ...unclipped, final: "least" }),
  ScoreSdeVeScheduler: row(
    "predictor_corrector",
    "exploding",
    [
      renamed(
        { snr: z.number().positive().default(0.15), correct_steps: z.int().positive().default(1) },
        { snr: "snr", correct_steps: "correctorSteps" },
      ),
    ],
    { ...unclipped, spacing: "linspace", predictor: "reverse_diffusion", norms: "batch" },
  ),
  FlowMatchEulerDiscreteScheduler: row("euler", "dynamic_flow", [shiftKeys, dynamicShift, sigmaKeys], {
    ...unclipped,
    frame: "flow",
  }),
  FlowMatchHeunDiscreteScheduler: row("heun", "flow", [shiftKeys], { ...unclipped, frame: "flow" }),
};
