import { basename, dirname, join } from "node:path";
import { runOfStage, shapeOf, stagesOf, type Trained } from "../systems/index.ts";

/** Where a command puts what it makes with a model: into the run's folder; here, with a checkpoint of no run. */
export const besideModel = ({ recipe, checkpoint }: Trained, name: string): string => {
  const checkpoints = dirname(checkpoint.path);
  if (basename(checkpoints) !== "checkpoints") return name;
  const stages = stagesOf(recipe, shapeOf(checkpoint.header));
  const isLast = stages.length > 1 && stages.at(-1)?.name === checkpoint.header.stage;
  return join(isLast ? runOfStage(checkpoint) : dirname(checkpoints), name);
};
