import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FileError, type GeneratorState, NDArray } from "../base/index.ts";
import { type DataForm, formNames } from "../data/index.ts";
import { readSafetensors, writeSafetensors, writeWhole } from "../formats/index.ts";
import type { Precision } from "../lower/index.ts";
import { type FlatLayout, type LearnerState, packed, viewsOf } from "../optim/index.ts";
import type { RunFolder } from "./run-folder.ts";

const FORMAT = 1;

/** What a checkpoint says beside its tensors. */
export interface CheckpointHeader {
  readonly format: number;
  /** The whole recipe of the run. */
  readonly recipe: unknown;
  /** The name of the stage; absent in runs from before there were several. */
  readonly stage?: string;
  /** Training steps done. */
  readonly step: number;
  /** Optimizer steps done by each update. */
  readonly updateSteps: readonly number[];
  /** Wall time of training so far. */
  readonly seconds: number;
  readonly streams: Readonly<Record<string, GeneratorState>>;
  readonly batches: unknown;
  /** What the images are, [c, h, w] of each and the names of their classes. */
  readonly form: DataForm;
  readonly image: readonly [number, number, number];
  readonly classes: readonly string[] | null;
  /** Of the images that the run trains on. */
  readonly fingerprint: string;
  /** What the run computes in; fp32 when absent, as all did before there was a choice. */
  readonly precision?: Precision;
  /** Mean held-out loss at this step; in the best checkpoint only. */
  readonly heldOut?: number;
}

/**
 * A checkpoint in memory; tensors are named `model.<network>.<parameter>`, `ema.…`, `buffer.…`, and `<slot>.…`
 * for each buffer of the optimizer.
 */
export interface Checkpoint {
  readonly path: string;
  readonly header: CheckpointHeader;
  readonly tensors: ReadonlyMap<string, NDArray>;
}

/** Where a folder keeps the checkpoint of a step. */
export const checkpointPath = (folder: string, step: number): string =>
  join(folder, `${String(step).padStart(7, "0")}.safetensors`);

/** Where a folder keeps the checkpoint with the lowest held-out loss; it is never pruned. */
export const bestCheckpointPath = (folder: string): string => join(folder, "best.safetensors");

/** Writes a checkpoint whole or not at all. @throws FileError for numbers that are not finite */
export const saveCheckpoint = async (
  path: string,
  header: Omit<CheckpointHeader, "format">,
  {
    layout,
    state,
    buffers,
  }: { layout: FlatLayout; state: LearnerState; buffers: ReadonlyMap<string, NDArray> },
): Promise<void> => {
  const tensors = new Map([...buffers].map(([name, buffer]) => [`buffer.${name}`, buffer]));
  for (const [prefix, flat] of Object.entries({ model: state.parameters, ema: state.ema, ...state.slots }))
    for (const [name, view] of Object.entries(viewsOf(layout, flat)))
      tensors.set(`${prefix}.${name}`, NDArray.from(view));
  for (const [name, array] of tensors)
    if (!array.isFinite())
      throw new FileError(path, { expected: "finite weights to save", got: `NaN or infinity in ${name}` });
  const metadata = { undiffuse: JSON.stringify({ format: FORMAT, ...header }) };
  await writeWhole(path, writeSafetensors(tensors, metadata));
};

/**
 * Writes what sampling needs of a checkpoint, an eighth of it or less: the header, and the averaged weights in float16.
 * @throws FileError for weights that float16 cannot hold
 */
export const packCheckpoint = async (path: string, { header, tensors }: Checkpoint): Promise<void> => {
  const kept = [...tensors].filter(([name]) => /^(ema|buffer)\./.test(name));
  const metadata = { undiffuse: JSON.stringify(header) };
  const bytes = (() => {
    try {
      return writeSafetensors(new Map(kept), metadata, { half: true });
    } catch (error) {
      const got = (error as Error).message;
      throw new FileError(path, { expected: "weights of float16's range", got }, { cause: error });
    }
  })();
  await writeWhole(path, bytes);
};

/** @throws FileError when the file is damaged, or was not written by this version's format */
export const readCheckpoint = async (path: string): Promise<Checkpoint> => {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new FileError(path, { expected: "a readable checkpoint", got: cause.message }, { cause });
  });
  const { tensors, metadata } = readSafetensors(bytes, path);
  if (metadata.undiffuse === undefined)
    throw new FileError(path, {
      expected: "a checkpoint of undiffuse",
      got: "a safetensors file without its header",
    });
  const header = parseHeader(metadata.undiffuse, path);
  for (const [name, tensor] of tensors)
    if (!tensor.isFinite())
      throw new FileError(path, { expected: "finite weights", got: `NaN or infinity in ${name}` });
  return { path, header, tensors };
};

/** What a header must have for a run to go on from it. */
const headerSchema = z.looseObject({
  step: z.int().nonnegative(),
  updateSteps: z.array(z.int().nonnegative()),
  seconds: z.number().nonnegative(),
  streams: z.record(z.string(), z.unknown()),
  form: z.enum(formNames).default("pictures"),
  image: z.tuple([z.int(), z.int(), z.int()]),
  classes: z.array(z.string()).nullable(),
  fingerprint: z.string(),
  precision: z.enum(["fp32", "bf16"]).optional(),
});

const parseHeader = (text: string, path: string): CheckpointHeader => {
  const fail = (expected: string, got: string): never => {
    throw new FileError(path, { expected, got });
  };
  let value: Partial<CheckpointHeader> | null = null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail("a checkpoint's header as JSON", (error as Error).message);
  }
  if (value?.format !== FORMAT) fail(`checkpoint format ${FORMAT}`, `format ${value?.format}`);
  const { error, data } = headerSchema.safeParse(value);
  const wrong = error?.issues.map((issue) => issue.path.join("."));
  if (wrong) fail("a checkpoint's whole header", `something else in ${wrong.join(", ")}`);
  return data as unknown as CheckpointHeader;
};

/** Checkpoint files of a folder by step, newest first; the best one is not among them. */
export const listCheckpoints = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder).catch(() => []);
  const isCheckpoint = (name: string) => /^\d+\.safetensors$/.test(name);
  return names
    .filter(isCheckpoint)
    .sort()
    .reverse()
    .map((name) => join(folder, name));
};

/** The newest checkpoint that reads whole; damaged ones are passed over and reported. Null when there is none. */
export const newestCheckpoint = async (
  folder: string,
): Promise<{ checkpoint: Checkpoint | null; damaged: readonly FileError[] }> => {
  const damaged: FileError[] = [];
  for (const path of await listCheckpoints(folder)) {
    try {
      return { checkpoint: await readCheckpoint(path), damaged };
    } catch (error) {
      damaged.push(asFileError(path, error));
    }
  }
  return { checkpoint: null, damaged };
};

/** The newest checkpoint of a run that reads whole. @throws FileError with this hint when there is none */
export const requireCheckpoint = async (
  folder: RunFolder,
  hint?: string,
): Promise<{ checkpoint: Checkpoint; damaged: readonly FileError[] }> => {
  const { checkpoint, damaged } = await newestCheckpoint(folder.checkpoints);
  if (checkpoint) return { checkpoint, damaged };
  throw new FileError(folder.path, {
    expected: "a run with a checkpoint",
    got: damaged.map(({ message }) => message).join("; ") || "none",
    ...(hint !== undefined && { hint }),
  });
};

/** The folder's best checkpoint; null when there is none, or none that reads whole. */
export const bestCheckpoint = async (
  folder: string,
): Promise<{ checkpoint: Checkpoint | null; damaged: readonly FileError[] }> => {
  const path = bestCheckpointPath(folder);
  if (!existsSync(path)) return { checkpoint: null, damaged: [] };
  try {
    return { checkpoint: await readCheckpoint(path), damaged: [] };
  } catch (error) {
    return { checkpoint: null, damaged: [asFileError(path, error)] };
  }
};

const asFileError = (path: string, error: unknown): FileError =>
  error instanceof FileError
    ? error
    : new FileError(
        path,
        { expected: "a whole checkpoint", got: (error as Error).message },
        { cause: error },
      );

/** Keeps the newest `count` checkpoints of a folder. */
export const pruneCheckpoints = async (folder: string, count: number): Promise<void> => {
  for (const path of (await listCheckpoints(folder)).slice(count)) await rm(path, { force: true });
};

/** The tensors under one prefix (`ema`, `model`, `buffer`), by `<network>.<name>`. */
export const weightsOf = ({ tensors }: Checkpoint, prefix: string): Map<string, NDArray> =>
  new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), tensor] as const] : [],
    ),
  );

/** The learner's state as it was saved. */
export const learnerStateOf = (checkpoint: Checkpoint, layout: FlatLayout): LearnerState => {
  const slots = new Set([...checkpoint.tensors.keys()].map((name) => name.slice(0, name.indexOf("."))));
  for (const other of ["model", "ema", "buffer"]) slots.delete(other);
  const buffer = (prefix: string) => packed(layout, weightsOf(checkpoint, prefix));
  return {
    parameters: buffer("model"),
    ema: buffer("ema"),
    slots: Object.fromEntries([...slots].map((name) => [name, buffer(name)])),
    steps: checkpoint.header.updateSteps,
  };
};
