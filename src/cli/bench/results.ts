import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ArgumentError, FileError, parseAs } from "../../base/index.ts";
import { writeWhole } from "../../formats/index.ts";

const estimate = z.object({
  value: z.number(),
  /** 95%; null where there is none. */
  interval: z.tuple([z.number(), z.number()]).nullable(),
});

const rowSchema = z.object({
  name: z.string(),
  family: z.string(),
  recipe: z.string(),
  /** What the contender says of sampling, and all of it as it was done. */
  choice: z.record(z.string(), z.unknown()),
  sampling: z.string(),
  source: z.string(),
  checkpoint: z.object({ path: z.string(), step: z.int(), sha256: z.string() }),
  parameters: z.int(),
  /** N */
  samples: z.int(),
  seeds: z.string(),
  speed: z.object({
    imagesPerSecond: z.number(),
    evaluations: z.number(),
    batch: z.int(),
    timedBatches: z.int(),
    threads: z.int(),
    engine: z.string(),
  }),
  frechet: estimate,
  kernel: estimate,
  /** These are null where there are no more images than neighbours. */
  precision: estimate.nullable(),
  recall: estimate.nullable(),
  density: estimate.nullable(),
  coverage: estimate.nullable(),
  /** Null where the network knows no classes. */
  read: estimate.nullable(),
  notes: z.array(z.string()),
});
/** What a contender came to. */
export type Row = z.output<typeof rowSchema>;

const resultsSchema = z.object({
  format: z.literal(1),
  /** What all rows have in common, and what a later call must have to go on. */
  settings: z.object({
    version: z.string(),
    count: z.int(),
    longCount: z.int(),
    seed: z.int(),
    batch: z.int(),
    threads: z.int(),
    engine: z.string(),
    machine: z.string(),
    data: z.object({ name: z.string(), images: z.int(), fingerprint: z.string() }),
    network: z.object({
      name: z.string(),
      fingerprint: z.string(),
      width: z.int(),
      preprocessing: z.string(),
    }),
  }),
  rows: z.array(rowSchema),
});
/** Everything that was measured. */
export type Results = z.output<typeof resultsSchema>;

/**
 * The results of an earlier call with the same settings, or none yet.
 * @throws FileError for a damaged file, or one of other settings
 */
export const openResults = async (path: string, settings: Results["settings"]): Promise<Results> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new FileError(path, { expected: "a readable file", got: error.message }, { cause: error });
  });
  if (text === null) return { format: 1, settings, rows: [] };
  const hint = "write into another folder with --out, or remove the file";
  const found = parsed(text, path, hint);
  const differing = Object.entries(settings).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(found.settings[key as keyof typeof settings]),
  );
  if (differing.length === 0) return found;
  const show = (values: Results["settings"]) =>
    differing.map(([key]) => `${key} ${JSON.stringify(values[key as keyof typeof values])}`).join(", ");
  throw new FileError(path, { expected: `results with ${show(settings)}`, got: show(found.settings), hint });
};

const parsed = (text: string, path: string, hint: string): Results => {
  try {
    return parseAs(resultsSchema, JSON.parse(text), { who: path, expected: "results of a comparison" });
  } catch (cause) {
    const got = cause instanceof ArgumentError ? cause.got : (cause as Error).message;
    throw new FileError(path, { expected: "results of a comparison", got, hint }, { cause });
  }
};

/** Writes results into a folder that is there, whole or not at all. */
export const saveResults = (path: string, results: Results): Promise<void> =>
  writeWhole(path, `${JSON.stringify(results, null, 2)}\n`);
