import { stat } from "node:fs/promises";
import { FileError, UndiffuseError } from "../base/index.ts";
import { findRuns, type RunSummary, summariseRun } from "../train/index.ts";
import { defineCommand, flag, text } from "./command.ts";
import { showSeconds } from "./progress.ts";

export const runsCommand = defineCommand({
  name: "runs",
  summary: "List the runs below a folder and compare them, newest first",
  description: `One line a run: its steps, the training loss over the last 100 steps, the
lowest held-out loss and its step, speed, time of training, and its state:
  done      all its steps are saved
  training  wrote metrics within two minutes that are not saved yet
  stopped   saved or cut off before its end; undiffuse train <folder> --resume
Losses compare only between runs of the same data and system.`,
  arguments: { folder: text<string>("where to look", { fallback: "runs" }) },
  options: { recipes: flag("also show the fields in which their recipes differ") },
  examples: [
    ["undiffuse runs", "every run in runs/"],
    ["undiffuse runs ~/experiments --recipes", "and what was tried in each"],
  ],
  async run({ folder, recipes }) {
    if (!(await stat(folder).catch(() => null))?.isDirectory())
      throw new FileError(folder, { expected: "a folder with runs", got: "no folder" });
    const runs = await readRuns(await findRuns(folder));
    if (!runs.length) {
      process.stderr.write(`no run in ${folder}; make one with: undiffuse train digits\n`);
      return;
    }
    process.stdout.write(table([HEADINGS, ...runs.map(cells)]));
    if (recipes) process.stdout.write(`\n${table(recipeRows(runs))}`);
  },
});

/** The summaries of run folders, newest first; damaged ones are named on standard error and left out. */
const readRuns = async (paths: readonly string[]): Promise<RunSummary[]> => {
  const runs: RunSummary[] = [];
  for (const path of paths)
    try {
      runs.push(await summariseRun(path));
    } catch (error) {
      if (!(error instanceof UndiffuseError)) throw error;
      process.stderr.write(`skipped ${path}: ${error.message}\n`);
    }
  return runs.sort((a, b) => +b.changed - +a.changed);
};

const HEADINGS = ["name", "system", "step", "loss", "held out", "images/s", "time", "state", "folder"];

const cells = (run: RunSummary): string[] => [
  run.name,
  run.system,
  `${run.step}/${run.steps}`,
  showLosses(run.losses),
  run.heldOut ? `${run.heldOut.loss.toFixed(4)} at ${run.heldOut.step}` : "-",
  run.imagesPerSecond?.toFixed(0) ?? "-",
  showSeconds(run.seconds),
  run.state,
  run.path,
];

const showLosses = (losses: RunSummary["losses"]): string => {
  const shown = Object.entries(losses);
  if (shown.length === 1) return (shown[0] as [string, number])[1].toFixed(4);
  return shown.map(([name, loss]) => `${name} ${loss.toFixed(4)}`).join(", ") || "-";
};

/** A row for each field whose value is not the same in all recipes, a column for each run. */
const recipeRows = (runs: readonly RunSummary[]): string[][] => {
  const flat = runs.map(({ recipe }) => new Map(fieldsOf(recipe)));
  const differing = [...new Set(flat.flatMap((fields) => [...fields.keys()]))].filter(
    (path) => new Set(flat.map((fields) => fields.get(path))).size > 1,
  );
  return [
    ["recipe", ...runs.map(({ path }) => path)],
    ...differing.map((path) => [path, ...flat.map((fields) => fields.get(path) ?? "-")]),
  ];
};

const fieldsOf = (value: unknown, path: readonly string[] = []): [path: string, value: string][] =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, [...path, key]))
    : [[path.join("."), JSON.stringify(value)]];

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
};
