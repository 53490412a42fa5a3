import { isDeepStrictEqual } from "node:util";
import { FileError } from "../base/index.ts";
import type { Precision } from "../lower/index.ts";
import type { PrecisionChoice } from "../runtime/index.ts";
import { bestCheckpoint, type Checkpoint, newestCheckpoint } from "./checkpoint.ts";
import { trainingSchema } from "./options.ts";
import type { RunFolder } from "./run-folder.ts";

/** Where a run begins. */
export interface Start {
  /** The checkpoint to continue from, null for a new run. */
  readonly checkpoint: Checkpoint | null;
  /** The lowest held-out loss that the folder's best checkpoint has, infinite without one. */
  readonly lowest: number;
  readonly damaged: readonly FileError[];
}

/** Where a run begins that nothing came before. */
export const freshStart: Start = { checkpoint: null, lowest: Number.POSITIVE_INFINITY, damaged: [] };

export interface Wanted {
  readonly recipe: unknown;
  readonly fingerprint: string;
  readonly precision?: PrecisionChoice | undefined;
  /** The names of the data's classes. */
  readonly classes: readonly string[] | null;
}

/**
 * Finds where a run begins.
 * @throws FileError when the folder holds a run and `resume` is false, or none and it is true, or when the
 * run there has another recipe, other data or another precision
 */
export const resumeFrom = async (
  folder: RunFolder,
  { resume, ...wanted }: Wanted & { readonly resume: boolean },
): Promise<Start> => {
  const { checkpoint, damaged } = await newestCheckpoint(folder.checkpoints);
  if (!resume && (checkpoint || damaged.length))
    throw new FileError(folder.path, {
      expected: "a folder without a run",
      got: checkpoint ? `a run of ${checkpoint.header.step} steps` : "damaged checkpoints",
      hint: "continue it with --resume, or choose another folder with --out",
    });
  if (resume && !checkpoint)
    throw new FileError(folder.path, {
      expected: "a checkpoint to resume from",
      got: damaged.length ? damaged.map(({ message }) => message).join("; ") : "none",
    });
  const best = await bestCheckpoint(folder.checkpoints); // without a step's: the run was killed before one
  for (const found of [checkpoint, best.checkpoint]) if (found) requireSame(found, wanted);
  return {
    checkpoint,
    lowest: best.checkpoint?.header.heldOut ?? Number.POSITIVE_INFINITY,
    damaged: [...damaged, ...best.damaged],
  };
};

/** What a checkpoint's run computes in. */
export const savedPrecision = ({ header }: Checkpoint): Precision => header.precision ?? "fp32";

/** @throws FileError for a checkpoint of another recipe, of other classes, data or precision than is wanted */
export const requireSame = (
  checkpoint: Checkpoint,
  { recipe, fingerprint, classes, precision = "auto" }: Wanted,
): void => {
  const { path, header } = checkpoint;
  const differing = differences(withDefaults(header.recipe), recipe);
  if (differing.length)
    throw new FileError(path, {
      expected: "the recipe that the run started with",
      got: differing.join("; "),
      hint: "start a new run for another recipe, in another folder",
    });
  if (!isDeepStrictEqual(header.classes, classes))
    throw new FileError(path, {
      expected: `the classes ${classes?.join(", ") ?? "none"}`,
      got: header.classes?.join(", ") ?? "none",
    });
  if (header.fingerprint !== fingerprint)
    throw new FileError(path, {
      expected: `the images that the run started with (${header.fingerprint})`,
      got: `others (${fingerprint})`,
    });
  const saved = savedPrecision(checkpoint);
  if (precision !== "auto" && precision !== saved)
    throw new FileError(path, {
      expected: `${saved}, in which the run started`,
      got: precision,
      hint: "leave --precision out to go on, or start a new run in another folder",
    });
};

/** A recipe saved before an option existed: the option stands at its default, which is how it trained. */
const withDefaults = (recipe: unknown): unknown => {
  const training = trainingSchema.safeParse(isRecord(recipe) ? recipe.training : undefined);
  return isRecord(recipe) && training.success ? { ...recipe, training: training.data } : recipe;
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
