import { ArgumentError, imageGenerators, NDArray } from "../base/index.ts";
import type { Level } from "../diffusion/index.ts";
import type { UNet2D, UNet2DConfig } from "../models/index.ts";
import { stateOf } from "../nn/index.ts";
import {
  type Begin,
  type Begun,
  begin,
  initialDeviation,
  initialNoise,
  openSampler,
  readScheduler,
  type SampleFrame,
  type SamplerSpec,
  type Scheduler,
  type Start,
  sample,
} from "../samplers/index.ts";
import { type ConditionedNetwork, type DiffusersNotes, guidedDenoiser } from "../systems/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type BatchProgram, type EvaluateOptions, openEvaluate } from "../train/index.ts";
import { readUnconditionalFolder, type UnconditionalFolder } from "./unconditional-folder.ts";

/** What to generate; what is left out is as the folder says, or else as diffusers' pipeline of its class does. */
export interface UnconditionalRequest {
  /** Image k is that of seed + k alone, with torch's generator of that seed. */
  readonly seed?: number;
  readonly count?: number;
  readonly steps?: number | undefined;
  /** A class index for each image; needed where the network embeds classes, and none of them stands for no class. */
  readonly labels?: readonly number[] | undefined;
  /** How strongly the class steers; 1 leaves the estimate as it is. */
  readonly guidance?: number | undefined;
  /** The class to be led away from; needed for guidance where none stands for no class. */
  readonly negative?: number | undefined;
  /** The noise of DDIM's steps, 0 to 1. */
  readonly eta?: number | undefined;
  /** [height, width]; the folder's own when absent. */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** Where to begin; noise when absent. */
  readonly start?: Start | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A diffusers folder of a `UNet2DModel`, ready to sample. Close it when done. */
export interface Unconditional {
  /** `_class_name` of the pipeline. */
  readonly pipeline: string;
  readonly config: UNet2DConfig;
  /** Names of the classes, where the folder has them. */
  readonly classes: readonly string[] | null;
  /** Its scheduler, of so many steps. */
  scheduler(steps?: number): Scheduler;
  /** Yields after each step; `x` of the last frame holds the images, [n, c, h, w] in [-1, 1], not cut to it. */
  sample(request?: UnconditionalRequest): AsyncGenerator<SampleFrame, void>;
  close(): Promise<void>;
}

/** Where the network runs, and which weights of a folder that has several. */
interface OpenOptions extends EvaluateOptions {
  readonly variant?: string | undefined;
}

/**
 * Opens a folder that Python's diffusers wrote, or `undiffuse export`: a pipeline of a `UNet2DModel` and a scheduler. The
 * same seed gives the image that Python gives.
 * @throws FileError for what is missing, damaged or of another class, or for weights that are not the network's, all listed;
 * ArgumentError for a configuration that is not known
 */
export const openDiffusersUnet = async (
  path: string,
  { variant, ...options }: OpenOptions = {},
): Promise<Unconditional> => {
  const folder = await readUnconditionalFolder(path, variant);
  const { pipeline, kind, config, notes } = folder;
  const schedulerOf = (steps = notes?.set_timesteps.num_inference_steps ?? kind.steps) =>
    readScheduler(folder.scheduler, steps, muOf(notes));
  schedulerOf();
  const { run, close } = openUnet(folder, options);
  return {
    pipeline,
    config,
    classes: notes?.classes ?? null,
    scheduler: schedulerOf,
    async *sample(request = {}) {
      const { seed = 0, count = 1, signal } = request;
      const { process, ...read } = schedulerOf(request.steps);
      const spec = specOf(read.sampler, request, notes);
      const { sampler, levels, limit, churn } = openSampler(spec, process);
      const generators = imageGenerators(seed, count);
      const shape = [config.in_channels, ...sizeOf(config, request)];
      const begun = begunOf(folder, request, { levels, sampler, generators, shape, seed });
      const sampling = { sampler: spec, ...guidanceOf(folder, request) };
      const network: ConditionedNetwork = {
        labels: labelsOf(folder),
        reading: { ...read, learnsVariance: config.out_channels === 2 * config.in_channels },
        run,
      };
      const denoiser = limit(guidedDenoiser({ seed, count, labels: request.labels, sampling }, network));
      for await (const frame of sample({ ...begun, denoiser, sampler, churn, signal }))
        yield kind.fromZero ? { ...frame, x: centred(frame.x), denoised: centred(frame.denoised) } : frame;
    },
    close,
  };
};

/** The network of a folder as a function of arrays. */
const openUnet = ({ config, unet }: UnconditionalFolder, options: EvaluateOptions) => {
  const named = new Map([...stateOf(unet)].map(([name, value]) => [`unet.${name}`, value]));
  const { evaluate, close } = openEvaluate({ unet }, named, options);
  const programs = new Map<string, BatchProgram>();
  const run: ConditionedNetwork["run"] = async (x, t, classes) => {
    const n = classes.length;
    const size = x.shape.slice(2);
    const program = programs.get(size.join()) ?? programOf(unet, size);
    programs.set(size.join(), program);
    const known = config.num_class_embeds !== null && { labels: NDArray.of(classes, [n], "int32") };
    return (await evaluate(program, { x, t: NDArray.full([n], t), ...known })).output as NDArray;
  };
  return { run, close };
};

const programOf =
  (unet: UNet2D, size: readonly number[]): BatchProgram =>
  (n) => ({
    inputs: {
      x: { shape: [n, unet.config.in_channels, ...size] },
      t: { shape: [n] },
      ...(unet.config.num_class_embeds !== null && { labels: { shape: [n], dtype: "int32" } }),
    },
    outputs: ({ x, t, labels }) => ({
      output: unet.forward(x as Tensor, t as Tensor, { classLabels: labels }),
    }),
  });

const muOf = (notes: DiffusersNotes | null): { readonly mu?: number } => {
  const mu = notes?.set_timesteps.mu;
  return mu === undefined ? {} : { mu };
};

/** The scheduler's sampler with what its methods are told. */
const specOf = (
  sampler: SamplerSpec,
  { eta, steps }: UnconditionalRequest,
  notes: DiffusersNotes | null,
): SamplerSpec => {
  const { eta: own, use_clipped_model_output: derived } = notes?.step_arguments ?? {};
  const noise = eta ?? own;
  const times = steps === undefined ? notes?.set_timesteps.sigmas : undefined;
  return {
    ...sampler,
    ...(derived && "keepEps" in sampler && { keepEps: false }),
    ...(noise !== undefined && "eta" in sampler && { eta: noise }),
    ...(times && { spacing: times, steps: times.length }),
  } as SamplerSpec;
};

/** @throws ArgumentError where neither the request nor the folder says the size */
const sizeOf = ({ sample_size }: UNet2DConfig, { size }: UnconditionalRequest): readonly number[] => {
  const own = typeof sample_size === "number" ? [sample_size, sample_size] : sample_size;
  const found = size ?? own;
  if (found) return found;
  throw new ArgumentError({
    who: "size",
    expected: "height and width, as the folder's sample_size is null",
    got: "none",
  });
};

const labelsOf = ({ config, notes }: UnconditionalFolder): ConditionedNetwork["labels"] => ({
  embeddings: config.num_class_embeds,
  none: notes?.classes?.length ?? config.num_class_embeds ?? 0,
  drop: (batch) => batch,
});

/** @throws ArgumentError for a network that has to be told a class of its own where it knows no other */
const guidanceOf = ({ config, notes }: UnconditionalFolder, request: UnconditionalRequest) => {
  const own = notes?.guidance;
  const guidance = request.guidance ?? own?.scale ?? 1;
  const negative = request.negative ?? own?.negative ?? undefined;
  const nameless = config.num_class_embeds !== null && !notes?.classes;
  const missing = !request.labels ? "labels" : guidance !== 1 && negative === undefined ? "negative" : null;
  if (nameless && missing)
    throw new ArgumentError({
      who: missing,
      expected: `classes from 0 to ${(config.num_class_embeds ?? 0) - 1}, as the folder names none that stands for no class`,
      got: "none",
    });
  return {
    guidance,
    rescale: own?.rescale ?? 0,
    ...(own?.interval && { interval: own.interval }),
    ...(negative !== undefined && { negative }),
  };
};

/** Where the walk begins: in noise of the deviation that the scheduler's is of. */
const begunOf = (
  { scheduler, notes }: UnconditionalFolder,
  { start }: UnconditionalRequest,
  about: Begin,
): Begun => {
  if (start && start.kind !== "noise") return begin(start, about);
  if (notes) return begin({ kind: "noise" }, about);
  const { generators, shape, levels } = about;
  const x = initialNoise(generators, shape).mul(initialDeviation(scheduler, levels[0] as Level));
  return begin({ kind: "given", x }, about);
};

/** From [0, 1] to [-1, 1]. */
const centred = (images: NDArray): NDArray => images.mul(2).sub(1);
