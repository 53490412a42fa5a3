import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import {
  type CheckpointHeader,
  findRuns,
  type HeldOutResult,
  listCheckpoints,
  type Metrics,
  readMetrics,
  recentLosses,
  requireCheckpoint,
  runFolder,
} from "../../train/index.ts";
import { describeCheckpoint, stepsOf } from "./checkpoint.ts";
import { row } from "./row.ts";

/** A run, or each stage of one of several. */
export const describeRun = async (path: string): Promise<string[]> => {
  const folders = await findRuns(path);
  if (folders.length <= 1) return describeStage(path);
  const stages = await Promise.all(folders.map(describeStage));
  return stages.flatMap((lines, i) => (i === 0 ? lines : ["", ...lines]));
};

const describeStage = async (path: string): Promise<string[]> => {
  const folder = runFolder(path);
  const { checkpoint, damaged } = await requireCheckpoint(folder);
  const { header } = checkpoint;
  const run = await runOf(path, header);
  const next =
    header.step < stepsOf(header)
      ? row("to go on", `undiffuse train ${run} --resume`)
      : row("to sample", `undiffuse sample ${path}`);
  const metrics = await readMetrics(folder);
  return [
    ...describeCheckpoint(checkpoint),
    row("checkpoints", (await listCheckpoints(folder.checkpoints)).length),
    ...damaged.map(({ message }) => row("damaged", message)),
    row("made by", `undiffuse train ${folder.recipe} --out ${run}${precisionOption(header.precision)}`),
    next,
    ...trainingFigures(metrics),
  ];
};

/** The folder of the whole run, above that of one of several stages. */
const runOf = async (path: string, { stage }: CheckpointHeader): Promise<string> => {
  const above = dirname(path);
  const isStage =
    basename(path) === stage && (await stat(runFolder(above).recipe).catch(() => null)) !== null;
  return isStage ? above : path;
};

const precisionOption = (precision = "fp32"): string =>
  precision === "fp32" ? "" : ` --precision ${precision}`;

const trainingFigures = (metrics: readonly Metrics[]): string[] => {
  const recent = recentLosses(metrics);
  const skipped = metrics.filter((line) => line.skipped === true).length;
  const measured = metrics.findLast((line) => line.heldOut !== undefined);
  return [
    ...Object.entries(recent.losses).map(([name, loss]) =>
      row(name, `${loss.toFixed(4)} over the last ${recent.steps} steps`),
    ),
    ...(skipped ? [row("skipped", `${skipped} steps whose loss or gradient was not finite`)] : []),
    ...(measured ? heldOutTable(measured) : []),
  ];
};

/** Held-out loss by noise level. */
const heldOutTable = ({ step, heldOut }: Metrics): string[] => {
  const { points, losses, mean } = heldOut as HeldOutResult;
  return [
    row("held-out loss", `${mean.toFixed(4)} on average at step ${step}; by timestep:`),
    ...points.map((point, i) => `${String(point).padStart(14)}  ${(losses[i] as number).toFixed(4)}`),
  ];
};
