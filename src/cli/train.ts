import { type DataSpec, type Dataset, openDataset } from "../data/index.ts";
import { recipes } from "../recipes/index.ts";
import { type RecipeJob, trainRecipe, untrainedStages } from "../systems/index.ts";
import { parameterCount, type TrainEvent, type TrainJob } from "../train/index.ts";
import { backend, chosenBackend, device, trainPrecision } from "./backend-option.ts";
import { choice, defineCommand, flag, integer, text } from "./command.ts";
import { forecast } from "./forecast.ts";
import { helpEntry } from "./help.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { showProfile } from "./profile.ts";
import { type Progress, showSeconds, startProgress } from "./progress.ts";
import { openRecipe } from "./recipe-source.ts";

/** Recipes by other systems than DDPM, for the help: small ones, or those of the papers' sizes. */
const others = (atFullSize: boolean): string => {
  const names = Object.keys(recipes).filter((name) => name.includes("-"));
  return helpEntry("", names.filter((name) => name.startsWith("images-") === atFullSize).join(", "), 4);
};

export const trainCommand = defineCommand({
  name: "train",
  summary: "Train a diffusion model on images",
  description: `A recipe says everything about a run: the system, its network, the data, how
it trains and how it samples. Packaged recipes:
  digits   handwritten digits, minutes on two cores
  emoji    ten kinds of emoji in colour, by class
  moons    points of two moons in the plane, a minute
  images   a folder of your own pictures (--data)
By the other systems of the literature, a minute for points and some for digits
(docs/systems.md):
${others(false)}
The same at the size of their papers, on your own pictures (--data):
${others(true)}

A run lives in a folder: recipe.json, metrics.jsonl (one JSON object a line),
event files for TensorBoard (tensorboard --logdir runs), previews/ and
checkpoints/. There the newest are kept, and best.safetensors, which had the
lowest held-out loss; undiffuse sample takes its path. Ctrl-C saves and ends;
--resume goes on, bit for bit, as if nothing had happened.`,
  arguments: {
    recipe: text<string>("a packaged recipe, a recipe file, or the folder of an earlier run"),
  },
  options: {
    out: text("folder of the run (default: runs/<recipe's name>)", { short: "o", value: "folder" }),
    resume: flag("continue the run that the folder holds"),
    data: text("train on this folder of images instead", { value: "folder" }),
    size: integer("side of the images in pixels", { least: 1 }),
    classes: choice("whether each first-level folder of --data is a class", ["folders", "none"]),
    steps: integer("optimizer steps", { least: 1 }),
    batch: integer("images a step", { least: 1 }),
    seed: integer("seed of every random number of the run"),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    device,
    backend,
    precision: trainPrecision,
    dryRun: flag("show the whole recipe, what it would train, the memory and the time; end"),
    profile: flag("show where the time of a training step goes, by operation; end"),
  },
  examples: [
    ["undiffuse train digits", "learn handwritten digits in runs/digits"],
    ["undiffuse train digits --resume", "go on after an interruption"],
    ["undiffuse train images --data ~/photos --size 32", "learn your own pictures"],
    ["undiffuse train digits --dry-run > mine.json", "a recipe to edit; then: undiffuse train mine.json"],
  ],
  async run({
    recipe: word,
    out,
    resume,
    threads,
    device,
    backend: wanted,
    precision,
    dryRun,
    profile,
    ...changes
  }) {
    const { recipe, folder } = await openRecipe(word, changes);
    const backend = await chosenBackend({ device, backend: wanted });
    const dataset = await openImages(recipe.data);
    if (dataset.notice) process.stderr.write(`${dataset.notice}\n`);
    for (const { path, reason } of dataset.skipped) process.stderr.write(`skipped ${path}: ${reason}\n`);
    const job = { recipe, dataset, folder: out ?? folder, resume, threads, backend, precision };
    if (dryRun) {
      process.stdout.write(`${JSON.stringify(recipe, null, 2)}\n`);
      return eachStage(job, async (stage) => {
        process.stderr.write(`${describe(stage)}; the run would be in ${stage.folder}\n`);
        await forecast(stage);
      });
    }
    if (profile) return eachStage(job, showProfile);
    await interruptible("saving; press Ctrl-C again to give up", (signal) =>
      watch(trainRecipe({ ...job, signal })),
    );
  },
});

/** Does something with every stage of a recipe, of which none is trained yet. */
const eachStage = async (job: RecipeJob, act: (stage: TrainJob) => Promise<void>): Promise<void> => {
  const { jobs, close } = untrainedStages(job);
  try {
    for (const stage of jobs) await act(stage);
  } finally {
    await close();
  }
};

const describe = ({ stage, dataset: { name, images } }: TrainJob): string => {
  const parameters = parameterCount(stage.networks);
  return `${stage.name}: ${parameters.toLocaleString("en")} parameters; ${name}: ${images.shape[0]} images of ${images.shape.slice(1).join("×")}`;
};

/** Opens a data set, with progress while files are decoded. */
export const openImages = async (spec: DataSpec): Promise<Dataset> => {
  let progress: Progress | null = null;
  const onProgress = (done: number, total: number) => {
    progress ??= startProgress("decoding", total);
    progress.update(done);
  };
  try {
    return await openDataset(spec, { onProgress });
  } finally {
    (progress as Progress | null)?.stop();
  }
};

/** Shows a training as it goes. */
const watch = async (events: AsyncIterable<TrainEvent>): Promise<void> => {
  let progress: Progress | null = null;
  const say = (line: string) => (progress ? progress.message(line) : process.stderr.write(`${line}\n`));
  try {
    for await (const event of events) {
      if (event.kind === "started") {
        for (const { message } of event.damaged) say(`passed over a damaged checkpoint: ${message}`);
        say(opening(event));
        progress?.stop();
        progress = startProgress("training", event.steps, event.step);
      } else if (event.kind === "step") progress?.update(event.step, facts(event));
      else say(lines[event.kind](event as never));
      if (event.kind === "interrupted") process.exitCode = INTERRUPTED;
    }
  } finally {
    progress?.stop();
  }
};

type Event<K extends TrainEvent["kind"]> = Extract<TrainEvent, { kind: K }>;

const opening = ({ step, folder, images, heldOutImages, parameters, precision }: Event<"started">): string =>
  [
    step > 0 ? `continuing ${folder} after step ${step}` : `training in ${folder}`,
    `${parameters.toLocaleString("en")} parameters`,
    `${images} images, ${heldOutImages} held out`,
    ...(precision === "bf16" ? ["in bf16"] : []),
  ].join("; ");

const facts = (event: Event<"step">): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(event.losses).map(([name, loss]) => [name, loss.toFixed(4)])),
  "images/s": event.imagesPerSecond.toFixed(0),
  left: showSeconds(event.secondsLeft),
});

const showLosses = (losses: Readonly<Record<string, number>>): string =>
  Object.entries(losses)
    .map(([name, loss]) => `${name} ${loss}`)
    .join(", ");

/** What is said of each kind of event; steps are shown by the bar. */
const lines: {
  readonly [K in Exclude<TrainEvent["kind"], "started" | "step">]: (event: Event<K>) => string;
} = {
  skipped: ({ step, losses, gradientNorm }) =>
    `step ${step} skipped: ${showLosses(losses)}, gradient norm ${gradientNorm}; the weights are as before`,
  heldOut: ({ step, mean, best }) =>
    `step ${step}: held-out loss ${mean.toFixed(4)}${best ? `, the lowest so far; kept ${best}` : ""}`,
  advice: ({ step, direction, over, hint }) =>
    `step ${step}: the loss ${direction === "rising" ? "rises" : "has not fallen"} over the last ${over} steps\n  hint: ${hint}`,
  preview: ({ path }) => `preview: ${path}`,
  checkpoint: ({ path }) => `saved ${path}`,
  interrupted: ({ step, path }) => `stopped after step ${step}; saved ${path}; go on with --resume`,
  finished: ({ path, seconds }) => `done in ${showSeconds(seconds)}; saved ${path}`,
};
