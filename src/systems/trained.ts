import { ArgumentError, FileError, type NDArray } from "../base/index.ts";
import type { Start } from "../samplers/index.ts";
import {
  averagedWeights,
  type Checkpoint,
  type Density,
  type EvaluateOptions,
  earlierOf,
  type Frame,
  finishedCheckpoint,
  type OpenStage,
  openStage,
  type Stage,
} from "../train/index.ts";
import { parseRecipe, type Recipe, samplingOf, stagesOf, trainingOf, unguided } from "./recipe.ts";
import { findCheckpoint, folderOf, runOfStage, shapeOf } from "./run-checkpoint.ts";
import { stageFolder } from "./training.ts";

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
  /** Of the stage that generates. */
  readonly checkpoint: Checkpoint;
  /** The run's, or the stage's where an earlier one than the last generates; null for a checkpoint of no run. */
  readonly folder: string | null;
  /** What generates: the last stage, or the one whose folder or checkpoint was opened. */
  readonly stage: Stage;
  /** Yields after each step; the last frame's `x` holds the images [n, c, h, w] in [-1, 1]. */
  sample(request?: SampleRequest): AsyncGenerator<Frame, void>;
  /**
   * The noise, [n, c, h, w], that DDIM leads to images in [-1, 1] of that shape: a start of kind `given`. Without
   * guidance, whose exaggeration has no way back (Mokady et al. 2023, section 3.1).
   * @throws ArgumentError for a system that does not go from noise to images step by step
   */
  invert(images: NDArray, request?: InvertRequest): Promise<NDArray>;
  /** What bounds and likelihoods of images of these classes are computed from; null for a system that has none. */
  density(labels?: readonly number[]): Density | null;
  close(): Promise<void>;
}

/** Where networks run. */
interface OpenOptions extends EvaluateOptions {
  /** Told of each evaluation of a network, of however many images. */
  readonly onEvaluation?: (() => void) | undefined;
}

/** Recipes whose systems go from noise to images by a sampler's steps. */
export type SteppingRecipe = Extract<Recipe, { readonly sampling: { readonly sampler: object } }>;

/** Whether a recipe's system goes from noise to images by a sampler's steps. */
export const hasSampler = (recipe: Recipe): recipe is SteppingRecipe => "sampler" in recipe.sampling;

/**
 * Opens a run folder (its newest checkpoint), the folder of one of its stages or a checkpoint file, with the averaged
 * weights, and the stages that it builds on.
 * @throws FileError when something is missing, or an earlier stage is not trained to its end or of another run
 */
export const openTrained = async (path: string, options: OpenOptions = {}): Promise<Trained> => {
  const checkpoint = await findCheckpoint(path);
  const recipe = parseRecipe(checkpoint.header.recipe, checkpoint.path);
  const { opened, folder } = await openStages(checkpoint, recipe, options);
  const open = opened.at(-1) as OpenStage;
  const sample: Trained["sample"] = ({
    seed = 0,
    count = 1,
    labels,
    start,
    sampling = samplingOf(recipe, {}),
    signal,
  } = {}) => open.generate({ seed, count, labels, start, sampling, signal });
  return {
    recipe,
    checkpoint,
    folder,
    stage: open.stage,
    sample,
    async invert(images, { labels, steps = 100, signal } = {}) {
      const { system } = recipe;
      if (!hasSampler(recipe))
        throw new ArgumentError({
          who: "invert",
          expected: "a system that goes from noise to images step by step",
          got: system,
        });
      const sampler = { kind: "ddim_inversion", steps };
      const sampling = samplingOf(unguided(recipe), { sampler });
      const start = { kind: "given", x: images } as const;
      let code = images;
      for await (const { x } of sample({ count: images.shape[0] ?? 0, labels, start, sampling, signal }))
        code = x;
      return code;
    },
    density: (labels) => open.stage.density?.(labels, open.evaluate) ?? null,
    async close() {
      for (const each of opened) await each.close();
    },
  };
};

/** The stages up to the checkpoint's own, in order; the earlier ones lie beside it. And where what they make belongs. */
const openStages = async (
  checkpoint: Checkpoint,
  recipe: Recipe,
  options: OpenOptions,
): Promise<{ readonly opened: OpenStage[]; readonly folder: string | null }> => {
  const { header } = checkpoint;
  const stages = stagesOf(recipe, shapeOf(header));
  const index = stages.length === 1 ? 0 : stages.findIndex(({ name }) => name === header.stage);
  if (index === -1)
    throw new FileError(checkpoint.path, {
      expected: `a stage of ${recipe.system}, ${stages.map(({ name }) => name).join(" or ")}`,
      got: header.stage ?? "none",
    });
  const opened: OpenStage[] = [];
  for (const [i, stage] of stages.slice(0, index + 1).entries()) {
    const { recipe: trained, fingerprint, classes } = header;
    const wanted = { recipe: trained, fingerprint, classes };
    const own =
      i === index
        ? checkpoint
        : await finishedCheckpoint(stageFolder(runOfStage(checkpoint), stages, stage), {
            ...wanted,
            stage: stage.name,
            steps: trainingOf(recipe, stage).steps,
          });
    opened.push(openStage(stage, averagedWeights(own), { earlier: earlierOf(opened), ...options }));
  }
  const own = folderOf(checkpoint);
  const isLast = stages.length > 1 && index === stages.length - 1;
  return { opened, folder: own && isLast ? runOfStage(checkpoint) : own };
};
