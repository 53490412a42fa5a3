import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError } from "../base/index.ts";
import {
  type Checkpoint,
  type CheckpointHeader,
  type DataShape,
  newestCheckpoint,
  readCheckpoint,
  requireCheckpoint,
  runFolder,
} from "../train/index.ts";
import { packagedModels } from "./packaged.ts";
import { parseRecipe, stagesOf } from "./recipe.ts";
import { stageFolder } from "./training.ts";

/** The data that a run trained on, as systems need it. */
export const shapeOf = ({ form, image, classes }: CheckpointHeader): DataShape => ({
  form,
  image,
  classes: classes?.length ?? null,
});

/**
 * The checkpoint that a path stands for: itself, the newest of a run's or a stage's folder, the newest of the last stage
 * of a run of several, or a packaged model of that name.
 * @throws FileError when there is none
 */
export const findCheckpoint = async (path: string): Promise<Checkpoint> => {
  const kind = await stat(path).catch(() => null);
  if (kind?.isFile()) return readCheckpoint(path);
  if (!kind) {
    const packaged = packagedModels[path];
    if (packaged) return readCheckpoint(packaged);
    const names = Object.keys(packagedModels).join(", ");
    const expected = `a run folder, a checkpoint or a packaged model (${names})`;
    throw new FileError(path, { expected, got: "nothing there" });
  }
  const hint = "train one with: undiffuse train digits";
  return (await requireCheckpoint(runFolder(await lastStageFolder(path)), hint)).checkpoint;
};

/** The folder of a run in which the newest checkpoint of its last stage lies. */
const lastStageFolder = async (run: string): Promise<string> => {
  if (existsSync(runFolder(run).checkpoints)) return run;
  for (const name of await readdir(run)) {
    const { checkpoint } = await newestCheckpoint(runFolder(join(run, name)).checkpoints);
    if (!checkpoint) continue;
    const { header } = checkpoint;
    const stages = stagesOf(parseRecipe(header.recipe, checkpoint.path), shapeOf(header));
    const last = stages.at(-1);
    if (last && stages.length > 1 && header.stage === name) return stageFolder(run, stages, last);
  }
  return run;
};

/** The folder of the run or the stage that a checkpoint lies in; null for one outside. */
export const folderOf = ({ path }: Checkpoint): string | null => {
  const checkpoints = dirname(path);
  return basename(checkpoints) === "checkpoints" ? dirname(checkpoints) : null;
};

/** The folder of the run that a stage's checkpoint belongs to, where the run has several stages. */
export const runOfStage = ({ path }: Checkpoint): string => dirname(dirname(dirname(path)));
