import { join } from "node:path";
import { makeFolder, writeWhole } from "../formats/index.ts";
import {
  averagedWeights,
  dataShape,
  earlierOf,
  finishedCheckpoint,
  initialWeights,
  isTrained,
  listCheckpoints,
  type OpenStage,
  openStage,
  runFolder,
  type Stage,
  type TrainEvent,
  type TrainJob,
  train,
} from "../train/index.ts";
import { type Recipe, stagesOf, trainingOf } from "./recipe.ts";

/** Everything that the training of a recipe needs; its folder is the whole run's. */
export interface RecipeJob
  extends Pick<TrainJob, "dataset" | "folder" | "resume" | "threads" | "backend" | "precision" | "signal"> {
  readonly recipe: Recipe;
}

/** Where a stage of a run lies: in the run's folder if it is the only one, else in one of its name below. */
export const stageFolder = (run: string, stages: readonly Stage[], { name }: Stage): string =>
  stages.length === 1 ? run : join(run, name);

const jobOf = (
  { recipe, dataset, folder, resume, threads, backend, precision, signal }: RecipeJob,
  stages: readonly Stage[],
  { stage, done }: { readonly stage: Stage; readonly done: readonly OpenStage[] },
): TrainJob => ({
  folder: stageFolder(folder, stages, stage),
  stage,
  earlier: earlierOf(done),
  dataset,
  training: trainingOf(recipe, stage),
  sampling: recipe.sampling,
  recipe,
  resume,
  threads,
  backend,
  precision,
  signal,
});

/**
 * Trains the stages of a recipe one after another, each with those before it as they were trained, and tells what
 * happens. Resumed, it goes on in the stage that is not done.
 * @throws as {@link train}, and FileError for an earlier stage of another recipe or of other data
 */
export async function* trainRecipe(job: RecipeJob): AsyncGenerator<TrainEvent, void> {
  const { recipe, dataset, folder, resume, threads, backend } = job;
  const stages = stagesOf(recipe, dataShape(dataset));
  const done: OpenStage[] = [];
  try {
    for (const stage of stages) {
      const own = jobOf(job, stages, { stage, done });
      const { steps } = own.training;
      const last = stage === stages.at(-1);
      if (last || !resume || !(await isTrained(own.folder, steps))) {
        for await (const event of train({ ...own, resume: resume && (await isBegun(own, stages)) })) {
          // Only now is it sure that this is the run's own recipe.
          if (event.kind === "started" && stages.length > 1) await writeRecipe(folder, recipe);
          yield event;
          if (event.kind === "interrupted") return;
        }
      }
      if (last) return;
      const { fingerprint, classes } = dataset;
      const wanted = { stage: stage.name, steps, recipe, fingerprint, classes };
      const weights = averagedWeights(await finishedCheckpoint(own.folder, wanted));
      done.push(openStage(stage, weights, { earlier: earlierOf(done), threads, backend }));
    }
  } finally {
    for (const open of done) await open.close();
  }
}

/** Whether there is something to resume in a stage: in the first there must be. */
const isBegun = async ({ stage, folder }: TrainJob, stages: readonly Stage[]): Promise<boolean> =>
  stage === stages[0] || (await listCheckpoints(runFolder(folder).checkpoints)).length > 0;

const writeRecipe = async (folder: string, recipe: Recipe): Promise<void> => {
  await makeFolder(folder);
  await writeWhole(runFolder(folder).recipe, `${JSON.stringify(recipe, null, 2)}\n`);
};

/** What to do with the stages of a recipe before any of them is trained. */
export interface UntrainedStages {
  /** Their jobs, each with those before it as they begin. */
  readonly jobs: readonly TrainJob[];
  close(): Promise<void>;
}

/** The stages of a recipe as jobs to measure: what they learn from each other does not count for that. */
export const untrainedStages = (job: RecipeJob): UntrainedStages => {
  const stages = stagesOf(job.recipe, dataShape(job.dataset));
  const { threads, backend } = job;
  const done: OpenStage[] = [];
  const jobs = stages.map((stage) => {
    const own = jobOf(job, stages, { stage, done });
    done.push(openStage(stage, initialWeights(stage), { earlier: earlierOf(done), threads, backend }));
    return own;
  });
  return {
    jobs,
    async close() {
      for (const open of done) await open.close();
    },
  };
};
