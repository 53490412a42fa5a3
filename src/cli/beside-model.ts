import { join } from "node:path";
import type { Trained } from "../systems/index.ts";

/** Where a command puts what it makes with a model: into the run's folder; here, with a checkpoint of no run. */
export const besideModel = ({ folder }: Trained, name: string): string =>
  folder === null ? name : join(folder, name);
