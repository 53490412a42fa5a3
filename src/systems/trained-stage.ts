import { FileError, type NDArray } from "../base/index.ts";
import { averagedWeights, type Checkpoint, type Stage } from "../train/index.ts";
import { parseRecipe, type Recipe, stagesOf } from "./recipe.ts";
import { findCheckpoint, shapeOf } from "./run-checkpoint.ts";

/** One stage of a run as it was trained, without what it builds on. */
export interface TrainedStage {
  readonly recipe: Recipe;
  readonly checkpoint: Checkpoint;
  readonly stage: Stage;
  /** Averaged, and buffers, by `<network>.<name>`. */
  readonly weights: ReadonlyMap<string, NDArray>;
}

/**
 * The stage that a run folder, a stage's folder, a checkpoint or a packaged model's name stands for: of a run, the last.
 * @throws FileError when there is none
 */
export const readTrainedStage = async (path: string): Promise<TrainedStage> => {
  const checkpoint = await findCheckpoint(path);
  const { header } = checkpoint;
  const recipe = parseRecipe(header.recipe, checkpoint.path);
  const stages = stagesOf(recipe, shapeOf(header));
  const stage = stages.length === 1 ? stages[0] : stages.find(({ name }) => name === header.stage);
  if (!stage)
    throw new FileError(checkpoint.path, {
      expected: `a stage of ${recipe.system}, ${stages.map(({ name }) => name).join(" or ")}`,
      got: header.stage ?? "none",
    });
  return { recipe, checkpoint, stage, weights: averagedWeights(checkpoint) };
};

/** The weights of one of a stage's networks under its own names. */
export const weightsOfNetwork = ({ weights }: TrainedStage, network: string): ReadonlyMap<string, NDArray> =>
  new Map(
    [...weights].flatMap(([name, value]) =>
      name.startsWith(`${network}.`) ? [[name.slice(network.length + 1), value] as const] : [],
    ),
  );
