import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { FileError } from "../base/index.ts";
import {
  type Checkpoint,
  type CheckpointHeader,
  findRuns,
  type HeldOutResult,
  listCheckpoints,
  type Metrics,
  readCheckpoint,
  readMetrics,
  recentLosses,
  requireCheckpoint,
  runFolder,
  stageTraining,
  weightsOf,
} from "../train/index.ts";
import { defineCommand, text } from "./command.ts";
import { showSeconds } from "./progress.ts";
import { readProvenance } from "./provenance.ts";

export const infoCommand = defineCommand({
  name: "info",
  summary: "Say what a run, a checkpoint or an image is, and the command that made it",
  arguments: { path: text<string>("a run folder, a checkpoint, or a PNG made by undiffuse") },
  options: {},
  examples: [
    ["undiffuse info runs/digits", "how far a run is, and how well it does by noise level"],
    ["undiffuse info runs/digits/samples/grid.png", "the command that makes this image again"],
  ],
  async run({ path }) {
    const kind = await stat(path).catch(() => null);
    if (!kind)
      throw new FileError(path, { expected: "a run, a checkpoint or an image", got: "nothing there" });
    const describe = kind.isDirectory()
      ? describeRun
      : extname(path) === ".png"
        ? describeImage
        : describeFile;
    process.stdout.write(`${(await describe(path)).join("\n")}\n`);
  },
});

const row = (name: string, value: unknown): string => `${name.padEnd(14)}${value}`;

const describeImage = async (path: string): Promise<string[]> => {
  const made = readProvenance(path, await readFile(path));
  return [
    row(
      "made by",
      `undiffuse ${made.version}${made.system ? `, ${made.system} after ${made.step} steps` : ""}`,
    ),
    row("command", made.command),
    ...(made.seed === undefined ? [] : [row("seed", made.seed)]),
    ...(made.classes ? [row("classes", summarise(made.classes))] : []),
    ...(made.sampling === undefined ? [] : [row("sampling", JSON.stringify(made.sampling))]),
  ];
};

/** The first of a list, and how many more there are. */
const summarise = (names: readonly string[], shown = 20): string =>
  names.length <= shown ? names.join(", ") : `${names.slice(0, shown).join(", ")} … (${names.length})`;

const describeFile = async (path: string): Promise<string[]> =>
  describeCheckpoint(await readCheckpoint(path));

const describeCheckpoint = (checkpoint: Checkpoint): string[] => {
  const { header, path } = checkpoint;
  const recipe = header.recipe as SavedRecipe;
  const parameters = [...weightsOf(checkpoint, "model").values()].reduce((sum, { size }) => sum + size, 0);
  const [channels, height, width] = header.image;
  return [
    row("recipe", `${recipe.name} (${recipe.system})`),
    row("step", `${header.step} of ${stepsOf(header)}, ${showSeconds(header.seconds)} of training`),
    row("network", `${parameters.toLocaleString("en")} parameters`),
    header.form === "pictures"
      ? row("images", `${height}×${width}, ${channels === 1 ? "grey" : "colour"}`)
      : row(header.form, `of ${channels} numbers`),
    ...(header.classes ? [row("classes", summarise(header.classes))] : []),
    row("seed", recipe.training.seed),
    row("precision", header.precision ?? "fp32"),
    row("checkpoint", path),
  ];
};

/** What is read here of the recipe that a checkpoint carries. */
interface SavedRecipe {
  readonly name: string;
  readonly system: string;
  readonly training: { readonly steps: number; readonly seed: number };
  readonly stages?: Readonly<Record<string, { readonly steps?: number }>>;
}

/** The steps of the stage that a checkpoint is of. */
const stepsOf = ({ recipe, stage = "" }: CheckpointHeader): number =>
  stageTraining(recipe as SavedRecipe, stage).steps;

/** A run, or each stage of one of several. */
const describeRun = async (path: string): Promise<string[]> => {
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
