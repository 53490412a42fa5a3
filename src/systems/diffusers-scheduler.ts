import { ArgumentError } from "../base/index.ts";
import { isDiscrete, type Level, type NoiseProcess, noiseToSignal } from "../diffusion/index.ts";
import { openSampler, readScheduler, type SamplerSpec, writeScheduler } from "../samplers/index.ts";
import type { DiffusersProcess } from "./diffusers-process.ts";

type Json = Readonly<Record<string, unknown>>;

/** A way of sampling as diffusers has it: a scheduler's configuration, and what it is told when it runs. */
export interface DiffusersSampling {
  /** Of `scheduler_config.json`. */
  readonly config: Json;
  /** Arguments of `set_timesteps`. */
  readonly timesteps: Json;
  /** Arguments of `step`. */
  readonly step: Json;
  /** The deviation of the noise to begin with. */
  readonly noise: number;
}

/** Levels by torch and by us: their schedule is rounded to float32, which near the data is seen. */
const LEVEL_TOLERANCE = 5e-3;
const TIME_TOLERANCE = 2e-2;

/** Fields that say where levels lie, which are compared as levels, and those that `step` is told. */
const besides = new Set(
  "steps,spacing,offset,sigmas,rho,shift,lambdaMin,final,strides,keepEps,distilled".split(","),
);

/**
 * The scheduler of diffusers that samples as the specification does.
 * @throws ArgumentError when there is none: what it reads back as is compared level by level and field by field
 */
export const toDiffusersSampling = (spec: SamplerSpec, given: DiffusersProcess): DiffusersSampling => {
  const { process, prediction, sigmaData } = given;
  const steps = spec.steps ?? trainedSteps(process) ?? 50;
  const sampler = asDiffusers(spec);
  const written = (sampler: SamplerSpec): Json => {
    const about = { process, prediction, ...(sigmaData !== undefined && { sigmaData }), sampler };
    return tried(() => plain(writeScheduler(about)), given, spec);
  };
  const config = written(sampler);
  const mu = config.use_dynamic_shifting ? { mu: Math.log(sampler.shift as number) } : {};
  const read = tried(() => readScheduler(config, steps, mu), given, spec);
  const [ours, theirs] = [openSampler(spec, process).levels, openSampler(read.sampler, read.process).levels];
  const same = sameLevels(ours, theirs);
  const listed = String(config._class_name).startsWith("FlowMatchEuler") && !same;
  if (!same && !listed)
    throw none(given, spec, `it visits ${shown(theirs)} where this visits ${shown(ours)}`);
  const otherwise = fieldsApart(sampler, read.sampler);
  if (otherwise.length) throw none(given, spec, `it has ${otherwise.join(", ")}`);
  const departure = departureOf(spec, read.sampler, { steps, process, last: ours.at(-2) as Level });
  if (departure) throw none(given, spec, departure);
  return {
    config: listed ? written(unspaced(sampler)) : config,
    timesteps: listed
      ? { sigmas: ours.slice(0, -1).map(({ sigma }) => digits(sigma)) }
      : { num_inference_steps: steps, ...mu },
    step: {
      ...("eta" in spec && spec.kind === "ddim" && spec.eta !== 0 && { eta: spec.eta }),
      ...("eta" in spec && spec.kind === "tcd" && { eta: spec.eta }),
      ...("keepEps" in spec && !spec.keepEps && spec.clip !== null && { use_clipped_model_output: true }),
    },
    noise: noiseOf(ours[0] as Level, String(config._class_name)),
  };
};

/** What diffusers has for each prediction. */
const remedies: Readonly<Record<string, string>> = {
  edm: "--sampler dpm_multistep --sigmas karras",
  flow_prediction: "--sampler euler",
  epsilon: "--sampler ddim, with a number of steps that divides the trained ones",
};

const none = ({ prediction }: DiffusersProcess, { kind }: SamplerSpec, reason: string): ArgumentError =>
  new ArgumentError({
    who: `sampler ${kind}`,
    expected: "one that diffusers has",
    got: reason,
    hint: `choose another: ${remedies[prediction]} (docs/export.md)`,
  });

/** What a conversion gives, whose refusal says why diffusers has no such sampler. */
const tried = <T>(convert: () => T, given: DiffusersProcess, spec: SamplerSpec): T => {
  try {
    return convert();
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const reason =
      error.got === spec.kind ? `no scheduler that does this for ${given.prediction}` : error.message;
    throw none(given, spec, reason);
  }
};

/** How many timesteps were trained; null in continuous time. */
const trainedSteps = (process: NoiseProcess): number | null => (isDiscrete(process) ? process.steps : null);

/** diffusers' DDIM keeps the network's eps unless it is told otherwise, and x0 in [-1, 1] is a threshold elsewhere. */
const asDiffusers = (spec: SamplerSpec): SamplerSpec => {
  if (spec.kind === "ddim") return { ...spec, keepEps: true };
  const clipping = spec.kind === "ancestral" || spec.kind === "heun" || spec.kind === "lcm";
  return spec.clip === 1 && !clipping ? { ...spec, clip: { quantile: 0.995, max: 1 } } : spec;
};

/** As a file has it: without what is undefined, and spacings of the noise that are not used, which not every class knows. */
const plain = (value: object): Json =>
  Object.fromEntries(
    Object.entries<unknown>(JSON.parse(JSON.stringify(value))).filter(
      ([key, each]) => each !== false || !/^use_\w+_(sigmas|lambdas)$/.test(key),
    ),
  );

const near = (a: number, b: number, tolerance: number): boolean =>
  a === b || Math.abs(a - b) <= tolerance * Math.max(1e-9, Math.abs(a), Math.abs(b));

const sameLevels = (a: readonly Level[], b: readonly Level[]): boolean =>
  a.length === b.length &&
  a.every((level, i) => {
    const other = b[i] as Level;
    const sameTime = Math.abs(level.t - other.t) <= TIME_TOLERANCE || i === a.length - 1;
    return near(noiseToSignal(level), noiseToSignal(other), LEVEL_TOLERANCE) && sameTime;
  });

const shown = (levels: readonly Level[]): string =>
  `${levels.length - 1} levels from t = ${round(levels[0])} to ${round(levels.at(-2))}`;
const round = (level: Level | undefined): string => String(Math.round((level?.t ?? 0) * 1000) / 1000);

const fieldsApart = (ours: SamplerSpec, theirs: SamplerSpec): string[] => {
  const [a, b] = [ours, theirs] as unknown as [Json, Json];
  return Object.keys({ ...a, ...b })
    .filter((key) => !besides.has(key) && !(key === "eta" && ["ddim", "tcd"].includes(ours.kind)))
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .map((key) => `${key} ${JSON.stringify(b[key] ?? null)} in place of ${JSON.stringify(a[key] ?? null)}`);
};

/** Where diffusers leaves the path that its configuration describes (docs/schedulers.md); undefined where it keeps to it. */
const departureOf = (
  spec: SamplerSpec,
  theirs: SamplerSpec,
  { steps, process, last }: { readonly steps: number; readonly process: NoiseProcess; readonly last: Level },
): string | undefined => {
  const trained = trainedSteps(process) ?? steps;
  if (strides(theirs) && !strides(spec) && trained % steps !== 0)
    return `its steps are of ⌊${trained} / ${steps}⌋ timesteps, wherever the next one lies`;
  if (spec.spacing === "trailing" && isDiscrete(process) && Math.ceil(trained / (trained / steps)) !== steps)
    return `${steps + 1} steps where ${steps} are asked for, by rounding`;
  if ("variance" in spec && spec.variance !== "fixed_small" && last.t !== 0)
    return `noise in the result, as its last timestep is ${last.t} (with --spacing linspace it is 0)`;
  return undefined;
};

/** Whether steps are of one length, which leads to the next of evenly spaced timesteps if these divide the trained ones. */
const strides = (spec: SamplerSpec): boolean => "strides" in spec && spec.strides === true;

/** Classes whose x is ours divided by alpha. */
const inRatios =
  /^(Euler|EulerAncestral|Heun|LMS|KDPM2|KDPM2Ancestral)DiscreteScheduler$|^DPMSolverSDEScheduler$/;

const noiseOf = ({ alpha, sigma }: Level, className: string): number =>
  digits(Math.hypot(alpha, sigma) / (inRatios.test(className) ? alpha : 1));

/** As many digits as there is a use for in float32. */
const digits = (value: number): number => Number(value.toPrecision(9));

/** Without what moves levels that are listed. */
const unspaced = ({ shift: _, sigmas: __, rho: ___, ...spec }: SamplerSpec): SamplerSpec =>
  spec as SamplerSpec;
