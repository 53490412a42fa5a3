import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { FileError } from "../base/index.ts";
import { append, makeFolder, writeWhole } from "../formats/index.ts";

/** Where a run keeps what it makes. */
export interface RunFolder {
  readonly path: string;
  readonly recipe: string;
  readonly metrics: string;
  readonly checkpoints: string;
  readonly previews: string;
  /** There while a training uses the folder. */
  readonly lock: string;
}

export const runFolder = (path: string): RunFolder => ({
  path,
  recipe: join(path, "recipe.json"),
  metrics: join(path, "metrics.jsonl"),
  checkpoints: join(path, "checkpoints"),
  previews: join(path, "previews"),
  lock: join(path, "lock.json"),
});

/** Makes the folders and sweeps out what an interrupted write left behind. */
export const prepareRunFolder = async (folder: RunFolder): Promise<void> => {
  for (const path of [folder.checkpoints, folder.previews]) {
    await makeFolder(path);
    for (const name of await readdir(path))
      if (/^\..*\.tmp$/.test(name)) await rm(join(path, name), { force: true });
  }
};

/** A line of `metrics.jsonl`: the step after which it was measured, and figures by name. */
export interface Metrics {
  readonly step: number;
  readonly [name: string]: unknown;
}

/** Appends lines; they are buffered by the caller, one write a flush. */
export const appendMetrics = (folder: RunFolder, lines: readonly Metrics[]): Promise<void> =>
  append(folder.metrics, toLines(lines));

const toLines = (metrics: readonly Metrics[]): string =>
  metrics.map((line) => `${JSON.stringify(line)}\n`).join("");

/** The whole lines of a run's metrics; a last line that a crash cut off is left out. @throws FileError for others */
export const readMetrics = async (folder: RunFolder): Promise<Metrics[]> => {
  const text = await readFile(folder.metrics, "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line, i) => parseLine(line, { path: folder.metrics, number: i + 1 }));
};

const parseLine = (line: string, { path, number }: { path: string; number: number }): Metrics => {
  const wrong = (cause?: unknown) =>
    new FileError(
      path,
      { expected: `metrics as JSON with a step in line ${number}`, got: line.slice(0, 40) },
      { cause },
    );
  try {
    const value: Partial<Metrics> | null = JSON.parse(line);
    if (typeof value?.step === "number") return value as Metrics;
  } catch (cause) {
    throw wrong(cause);
  }
  throw wrong();
};

/** Drops the lines after `step`, from where training goes on; gives those that stay. */
export const truncateMetrics = async (folder: RunFolder, step: number): Promise<Metrics[]> => {
  const kept = (await readMetrics(folder)).filter((line) => line.step <= step);
  await writeWhole(folder.metrics, toLines(kept));
  return kept;
};
