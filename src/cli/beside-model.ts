import { basename, dirname, join } from "node:path";
import type { Trained } from "../systems/index.ts";

/** Where a command puts what it makes with a model: into the run's folder; here, with a checkpoint of no run. */
export const besideModel = ({ checkpoint }: Trained, name: string): string => {
  const folder = dirname(checkpoint.path);
  return basename(folder) === "checkpoints" ? join(dirname(folder), name) : name;
};
