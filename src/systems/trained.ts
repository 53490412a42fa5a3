import { stat } from "node:fs/promises";
import { ArgumentError, FileError, type NDArray } from "../base/index.ts";
import type { Start } from "../samplers/index.ts";
import {
  type Checkpoint,
  type EvaluateOptions,
  type Frame,
  openEvaluate,
  readCheckpoint,
  requireCheckpoint,
  runFolder,
  type Stage,
  weightsOf,
} from "../train/index.ts";
import { parseRecipe, type Recipe, samplingOf, stagesOf } from "./recipe.ts";

/** What to generate; what is left out is as the recipe says. */
export interface SampleRequest {
  /** Image k is that of seed + k alone. */
  readonly seed?: number;
  readonly count?: number;
  /** A class index for each image. */
  readonly labels?: readonly number[] | undefined;
  /** Where to begin; noise when absent. */
  readonly start?: Start | undefined;
  readonly sampling?: Recipe["sampling"];
  readonly signal?: AbortSignal | undefined;
}

/** How to find the noise behind images. */
export interface InvertRequest {
  /** The class of each image. */
  readonly labels?: readonly number[] | undefined;
  /** Of DDIM; more bring the images nearer that the noise leads back to. */
  readonly steps?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A trained model, ready to generate. Close it to end its worker. */
export interface Trained {
  readonly recipe: Recipe;
  readonly checkpoint: Checkpoint;
  readonly stage: Stage<Recipe["sampling"]>;
  /** Yields after each step; the last frame's `x` holds the images [n, c, h, w] in [-1, 1]. */
  sample(request?: SampleRequest): AsyncGenerator<Frame, void>;
  /**
   * The noise, [n, c, h, w], that DDIM leads to images in [-1, 1] of that shape: a start of kind `given`. Without
   * guidance, whose exaggeration has no way back (Mokady et al. 2023, section 3.1).
   */
  invert(images: NDArray, request?: InvertRequest): Promise<NDArray>;
  close(): Promise<void>;
}

/** Opens a run folder (its newest checkpoint) or a checkpoint file, with the averaged weights. */
export const openTrained = async (path: string, options: EvaluateOptions = {}): Promise<Trained> => {
  const checkpoint = await findCheckpoint(path);
  const { header } = checkpoint;
  const recipe = parseRecipe(header.recipe, checkpoint.path);
  const [stage] = stagesOf(recipe, { image: header.image, classes: header.classes?.length ?? null });
  if (!stage) throw new ArgumentError({ who: recipe.system, expected: "a stage", got: "none" });
  const weights = new Map([...weightsOf(checkpoint, "ema"), ...weightsOf(checkpoint, "buffer")]);
  const { evaluate, close } = openEvaluate(stage.networks, weights, options);
  const sample: Trained["sample"] = ({
    seed = 0,
    count = 1,
    labels,
    start,
    sampling = samplingOf(recipe, {}),
    signal,
  } = {}) => stage.generate({ seed, count, labels, start, sampling, signal }, evaluate);
  return {
    recipe,
    checkpoint,
    stage,
    sample,
    async invert(images, { labels, steps = 100, signal } = {}) {
      const sampling = samplingOf(recipe, {
        sampler: { kind: "ddim_inversion", steps },
        guidance: 1,
        negative: undefined,
      });
      const start = { kind: "given", x: images } as const;
      let code = images;
      for await (const { x } of sample({ count: images.shape[0] ?? 0, labels, start, sampling, signal }))
        code = x;
      return code;
    },
    close,
  };
};

const findCheckpoint = async (path: string): Promise<Checkpoint> => {
  const kind = await stat(path).catch(() => null);
  if (kind?.isFile()) return readCheckpoint(path);
  if (!kind) throw new FileError(path, { expected: "a run folder or a checkpoint", got: "nothing there" });
  return (await requireCheckpoint(runFolder(path), "train one with: undiffuse train digits")).checkpoint;
};
