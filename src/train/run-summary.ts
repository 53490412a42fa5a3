import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { FileError, parseAs } from "../base/index.ts";
import { listCheckpoints } from "./checkpoint.ts";
import { stageTraining } from "./options.ts";
import { type Metrics, type RunFolder, readMetrics, runFolder } from "./run-folder.ts";

/** Steps whose losses and times a summary is made of. */
const RECENT = 100;
/** A run that wrote metrics within this time and has not saved them is taken to be at work. */
const ACTIVE_MS = 120_000;
/** Levels of folders that are searched. */
const DEPTH = 6;

/** What a run has come to, from its recipe and its metrics; checkpoints are not read. */
export interface RunSummary {
  readonly path: string;
  readonly name: string;
  readonly system: string;
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Steps done, and steps that the recipe asks for. */
  readonly step: number;
  readonly steps: number;
  /** Mean of each update's finite losses over the last 100 steps. */
  readonly losses: Readonly<Record<string, number>>;
  /** The lowest held-out loss and its step; null when none was measured. */
  readonly heldOut: { readonly loss: number; readonly step: number } | null;
  /** From the median time of the last 100 steps; null before the second step. */
  readonly imagesPerSecond: number | null;
  /** Seconds of training. */
  readonly seconds: number;
  /** `training`: wrote within two minutes what is not saved yet; `stopped`: saved or cut off before its end. */
  readonly state: "done" | "training" | "stopped";
  /** When it last wrote metrics. */
  readonly changed: Date;
}

const trainingSchema = z.looseObject({
  steps: z.number(),
  batch: z.number(),
  accumulate: z.number().default(1),
});
const recipeSchema = z.looseObject({
  name: z.string(),
  system: z.string(),
  training: trainingSchema,
  stages: z
    .record(z.string(), z.looseObject({ steps: z.number().optional(), batch: z.number().optional() }))
    .optional(),
});

/** @throws FileError or ArgumentError when its recipe or its metrics do not read whole */
export const summariseRun = async (path: string, now = Date.now()): Promise<RunSummary> => {
  const folder = runFolder(path);
  const recipe = parseAs(recipeSchema, await readRecipe(folder), {
    who: folder.recipe,
    expected: "the recipe of a run",
  });
  const changed = (await stat(folder.metrics).catch(() => stat(folder.recipe))).mtime;
  const metrics = await readMetrics(folder);
  const taken = metrics.filter((line) => line.losses !== undefined);
  // The folder of one of several stages has the stage's name.
  const { steps, batch, accumulate } = stageTraining(recipe, basename(path));
  const [newest] = await listCheckpoints(folder.checkpoints);
  const saved = newest === undefined ? 0 : Number.parseInt(basename(newest), 10);
  const step = Math.max(saved, taken.at(-1)?.step ?? 0);
  const secondsPerStep = medianStep(taken.slice(-RECENT));
  return {
    path,
    name: recipe.name,
    system: recipe.system,
    recipe,
    step,
    steps,
    losses: recentLosses(metrics).losses,
    heldOut: lowestHeldOut(metrics),
    imagesPerSecond: secondsPerStep === null ? null : (batch * accumulate) / secondsPerStep,
    seconds: (taken.at(-1)?.seconds as number | undefined) ?? 0,
    state: saved >= steps ? "done" : step > saved && now - +changed < ACTIVE_MS ? "training" : "stopped",
    changed,
  };
};

/** The run folders at or below a folder; what lies within a run is not searched. */
export const findRuns = async (root: string, depth = DEPTH): Promise<string[]> => {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const names = new Set(entries.map(({ name }) => name));
  if (names.has("metrics.jsonl") || (names.has("recipe.json") && names.has("checkpoints"))) return [root];
  if (depth === 0) return [];
  const below = entries.filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules",
  );
  return (await Promise.all(below.map(({ name }) => findRuns(join(root, name), depth - 1)))).flat();
};

const readRecipe = async ({ recipe }: RunFolder): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(recipe, "utf8"));
  } catch (cause) {
    throw new FileError(recipe, { expected: "a recipe as JSON", got: (cause as Error).message }, { cause });
  }
};

/** Mean of each update's finite losses over the last 100 steps, or as many as there are. */
export const recentLosses = (
  metrics: readonly Metrics[],
): { readonly losses: Readonly<Record<string, number>>; readonly steps: number } => {
  const lines = metrics.filter((line) => line.losses !== undefined).slice(-RECENT);
  const byName = new Map<string, number[]>();
  for (const { losses } of lines)
    for (const [name, loss] of Object.entries(losses as Record<string, unknown>))
      if (typeof loss === "number") byName.set(name, [...(byName.get(name) ?? []), loss]); // NaN is null in JSON
  const means = [...byName].map(([name, all]) => [
    name,
    all.reduce((sum, loss) => sum + loss, 0) / all.length,
  ]);
  return { losses: Object.fromEntries(means), steps: lines.length };
};

const lowestHeldOut = (metrics: readonly Metrics[]): RunSummary["heldOut"] =>
  metrics.reduce<RunSummary["heldOut"]>((lowest, { step, heldOut }) => {
    const loss = (heldOut as { mean?: number | null } | undefined)?.mean ?? Number.POSITIVE_INFINITY;
    return loss < (lowest?.loss ?? Number.POSITIVE_INFINITY) ? { loss, step } : lowest;
  }, null);

/** Median seconds from one step to the next, which pauses for previews and new sessions do not move. */
const medianStep = (lines: readonly Metrics[]): number | null => {
  const times = lines.map(({ seconds }) => seconds as number);
  const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? null;
};
