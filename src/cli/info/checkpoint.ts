import {
  type Checkpoint,
  type CheckpointHeader,
  readCheckpoint,
  stageTraining,
  weightsOf,
} from "../../train/index.ts";
import { showSeconds } from "../progress.ts";
import { row, summarise } from "./row.ts";

/** A file of a training run. @throws FileError for a damaged one */
export const describeCheckpointFile = async (path: string): Promise<string[]> =>
  describeCheckpoint(await readCheckpoint(path));

export const describeCheckpoint = (checkpoint: Checkpoint): string[] => {
  const { header, path } = checkpoint;
  const recipe = header.recipe as SavedRecipe;
  const parameters = parametersIn(checkpoint);
  const [channels, height, width] = header.image;
  return [
    row("recipe", `${recipe.name} (${recipe.system})`),
    row("step", `${header.step} of ${stepsOf(header)}, ${showSeconds(header.seconds)} of training`),
    row("network", `${parameters.toLocaleString("en")} parameters`),
    header.form === "pictures"
      ? row("images", `${height}×${width}, ${channels === 1 ? "grey" : "colour"}`)
      : row(header.form, `of ${channels} numbers`),
    ...(header.classes ? [row("classes", summarise(header.classes))] : []),
    row("seed", recipe.training.seed),
    row("precision", header.precision ?? "fp32"),
    row("checkpoint", path),
  ];
};

/** Of the weights, or where undiffuse pack left them out, of their averages. */
const parametersIn = (checkpoint: Checkpoint): number => {
  const [model, averages] = ["model", "ema"].map((prefix) =>
    [...weightsOf(checkpoint, prefix).values()].reduce((sum, { size }) => sum + size, 0),
  );
  return model || (averages ?? 0);
};

/** What is read here of the recipe that a checkpoint carries. */
interface SavedRecipe {
  readonly name: string;
  readonly system: string;
  readonly training: { readonly steps: number; readonly seed: number };
  readonly stages?: Readonly<Record<string, { readonly steps?: number }>>;
}

/** The steps of the stage that a checkpoint is of. */
export const stepsOf = ({ recipe, stage = "" }: CheckpointHeader): number =>
  stageTraining(recipe as SavedRecipe, stage).steps;
