import { isDeepStrictEqual } from "node:util";
import { FileError } from "../base/index.ts";
import { type Checkpoint, newestCheckpoint } from "./checkpoint.ts";
import type { RunFolder } from "./run-folder.ts";

/**
 * The checkpoint to continue from, null for a new run.
 * @throws FileError when the folder holds a run and `resume` is false, or none and it is true, or when the
 * run there has another recipe or other data
 */
export const resumeFrom = async (
  folder: RunFolder,
  { resume, recipe, fingerprint }: { resume: boolean; recipe: unknown; fingerprint: string },
): Promise<{ checkpoint: Checkpoint | null; damaged: readonly FileError[] }> => {
  const found = await newestCheckpoint(folder.checkpoints);
  const { checkpoint, damaged } = found;
  if (!resume && (checkpoint || damaged.length))
    throw new FileError(folder.path, {
      expected: "a folder without a run",
      got: checkpoint ? `a run of ${checkpoint.header.step} steps` : "damaged checkpoints",
      hint: "continue it with --resume, or choose another folder with --out",
    });
  if (!resume) return found;
  if (!checkpoint)
    throw new FileError(folder.path, {
      expected: "a checkpoint to resume from",
      got: damaged.length ? damaged.map(({ message }) => message).join("; ") : "none",
    });
  const differing = differences(checkpoint.header.recipe, recipe);
  if (differing.length)
    throw new FileError(checkpoint.path, {
      expected: "the recipe that the run started with",
      got: differing.join("; "),
      hint: "start a new run for another recipe",
    });
  if (checkpoint.header.fingerprint !== fingerprint)
    throw new FileError(checkpoint.path, {
      expected: `the images that the run started with (${checkpoint.header.fingerprint})`,
      got: `others (${fingerprint})`,
    });
  return found;
};

/** What differs between two plain values, as `path: saved → given`. */
const differences = (saved: unknown, given: unknown, path = "recipe"): string[] => {
  if (isDeepStrictEqual(saved, given)) return [];
  if (!isRecord(saved) || !isRecord(given))
    return [`${path}: ${JSON.stringify(saved)} → ${JSON.stringify(given)}`];
  const keys = new Set([...Object.keys(saved), ...Object.keys(given)]);
  return [...keys].flatMap((key) => differences(saved[key], given[key], `${path}.${key}`));
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
