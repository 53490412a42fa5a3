import { join } from "node:path";
import { NDArray } from "../base/index.ts";
import { forms } from "../data/index.ts";
import { encodeGif, encodePng, makeFolder, writeWhole } from "../formats/index.ts";
import { samplerSummaries } from "../samplers/index.ts";
import { openTrained, type Recipe, type Trained, unguided } from "../systems/index.ts";
import { backend, chosenBackend, device, precision } from "./backend-option.ts";
import { type Generated, generate } from "./batches.ts";
import { besideModel } from "./beside-model.ts";
import { defineCommand, flag, integer, text } from "./command.ts";
import { helpEntry } from "./help.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { provenanceText, shellLine } from "./provenance.ts";
import {
  chosenSampling,
  classIndex,
  imageKinds,
  samplingOptions,
  samplingWords,
} from "./sampling-options.ts";
import { chosenStart, isInverted, type StartOf, startOptions, startWords } from "./starting-point.ts";

/** Every way from noise to images, for the help; papers are in docs/samplers.md. */
const samplerList = imageKinds
  .map((kind) => helpEntry(kind, samplerSummaries[kind].replace(/ \([^()]*\)$/, ""), 21))
  .join("\n");

export const sampleCommand = defineCommand({
  name: "sample",
  summary: "Generate images with a trained model",
  description: `Writes grid.png, and on request every image and an animation of the denoising.
Image k has seed + k: with --count 1 it can be made again alone. Each PNG
carries the command that made it (undiffuse info).

${samplerList}`,
  arguments: {
    model: text<string>("a run folder (its newest checkpoint), a checkpoint, or a model that comes along", {
      fallback: "emoji",
    }),
  },
  options: {
    out: text("folder for the images (default: samples/ in the run's folder)", {
      short: "o",
      value: "folder",
    }),
    count: integer("how many (default: 40 images, or 4 of one class; 1000 points, 40 rows of bits)", {
      least: 1,
    }),
    seed: integer("seed of the first image", { fallback: 0 }),
    class: text("only this class; without it the classes take turns", { value: "name" }),
    ...samplingOptions,
    ...startOptions,
    batch: integer("images at once; 1 makes each bit for bit what it is alone", { least: 1, fallback: 64 }),
    singles: flag("also write every image by itself"),
    gif: flag("also write the denoising as an animation"),
    scale: integer("enlarge the grid and the animation", { least: 1, fallback: 4 }),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    device,
    backend,
    precision,
  },
  examples: [
    [
      "undiffuse sample --class hearts",
      "four hearts, by the model that comes along: no training, no network",
    ],
    ["undiffuse sample runs/digits", "forty digits, four of each"],
    ["undiffuse sample runs/digits --class 7 --guidance 3 --count 16", "sevens that insist on it"],
    ["undiffuse sample runs/digits --sampler ancestral --steps 1000 --gif", "the full chain, animated"],
    ["undiffuse sample runs/digits --sampler unipc --steps 10", "about as good in ten evaluations"],
    ["undiffuse sample runs/digits --from 7.png --strength 0.5 --class 1", "a seven, half made a one"],
    ["undiffuse sample runs/digits --from 7.png --mask top.png --repaint 5", "another top for a seven"],
    ["undiffuse sample runs/digits --interpolate 3,4 --class 8 --count 10", "from one eight to another"],
    [
      "undiffuse sample runs/digits --interpolate 7.png,9.png --count 10",
      "from picture to picture, through their noise",
    ],
    [
      "undiffuse sample runs/digits --class 3 --negative 8 --guidance 4 --interval 0.2,5",
      "threes that are no eights, steered where there is some noise",
    ],
    [
      "undiffuse sample runs/digits --scheduler scheduler_config.json --steps 20",
      "as diffusers' configuration says",
    ],
  ],
  async run({ model: path, threads, device, backend, precision, ...given }) {
    const place = { threads, backend: await chosenBackend({ device, backend }), precision };
    const model = await openTrained(path, place);
    const { gallery, ofOneClass } = forms[model.checkpoint.header.form];
    const request = { ...given, count: given.count ?? (given.class === undefined ? gallery : ofOneClass) };
    try {
      await interruptible("stopping", async (signal) => {
        const plan = await planOf(model, request);
        const { seed, count, batch, gif } = request;
        const { labels, sampling, startOf } = plan;
        const settings = { seed, count, batch, labels, sampling, startOf, animated: gif, signal };
        try {
          await write(await generate(model, settings), plan, { ...request, model, path });
        } catch (error) {
          if (!signal.aborted) throw error;
          process.exitCode = INTERRUPTED;
        }
      });
    } finally {
      await model.close();
    }
  },
});

type Request = Omit<
  Parameters<typeof sampleCommand.run>[0],
  "model" | "threads" | "device" | "backend" | "precision" | "count"
> & {
  readonly count: number;
};

/** Everything about the images to make, before the first is made. */
interface Plan {
  readonly folder: string;
  /** Whose sampling the options change: the model's, without guidance where noise behind pictures is the start. */
  readonly recipe: Recipe;
  readonly sampling: Recipe["sampling"];
  readonly startOf: StartOf;
  /** A class index an image, where the model has classes. */
  readonly labels: readonly number[] | undefined;
  readonly columns: number;
}

const planOf = async (model: Trained, request: Request): Promise<Plan> => {
  const classes = classesOf(model);
  const { count, class: name, interpolate } = request;
  const inverted = isInverted(request);
  const recipe = inverted ? unguided(model.recipe) : model.recipe;
  // A row between two seeds is of one class; of what class pictures are is not known unless it is said.
  const rowClass = interpolate === undefined ? undefined : classes?.[0];
  const labels = inverted && name === undefined ? undefined : labelsOf(classes, count, name ?? rowClass);
  const inTurn = classes && name === undefined ? Math.min(classes.length, 20) : Math.ceil(Math.sqrt(count));
  return {
    folder: request.out ?? besideModel(model, "samples"),
    recipe,
    sampling: await chosenSampling(recipe, classes, request),
    startOf: await chosenStart(model, request, { count, label: labels?.[0] }),
    labels,
    columns: interpolate === undefined ? inTurn : count,
  };
};

/** The classes that can be asked for. */
const classesOf = ({ stage, checkpoint }: Trained): readonly string[] | null =>
  stage.conditional ? checkpoint.header.classes : null;

const labelsOf = (
  classes: readonly string[] | null,
  count: number,
  name: string | undefined,
): number[] | undefined => {
  if (!classes && name === undefined) return undefined;
  const wanted = name === undefined ? null : classIndex(classes, name, "--class");
  return Array.from({ length: count }, (_, k) => wanted ?? k % (classes as readonly string[]).length);
};

/** Writes the grid, and what else was asked for, each with the command that makes it again. */
const write = async (
  { images, moments }: Generated,
  plan: Plan,
  request: Request & { readonly model: Trained; readonly path: string },
): Promise<void> => {
  const { folder, columns } = plan;
  const { scale, seed, singles, gif } = request;
  await makeFolder(folder);
  const { draw } = forms[request.model.checkpoint.header.form];
  const tile = (batch: NDArray) => draw(batch, { columns, scale });
  const save = async (name: string, bytes: Uint8Array) => {
    await writeWhole(join(folder, name), bytes);
    process.stdout.write(`${join(folder, name)}\n`);
  };
  const { count } = request;
  await save("grid.png", await encodePng(await tile(images), provenance(plan, request, { seed, count })));
  if (gif) {
    const frames = NDArray.stack(await Promise.all(moments.map(tile)));
    await save("denoising.gif", await encodeGif(frames, { delayMs: 60, lastDelayMs: 2000 }));
  }
  if (!singles) return;
  for (let k = 0; k < count; k++) {
    const alone =
      request.interpolate === undefined ? { seed: seed + k, count: 1, first: k } : { seed, count };
    const facts = provenance(plan, request, alone);
    const picture = await draw(images.rows(k, k + 1), { columns: 1, scale: 1 });
    await save(`${String(seed + k).padStart(5, "0")}.png`, await encodePng(picture, facts));
  }
};

/** The PNG texts of `count` images from `seed` on; `first` is the place of the first among those planned. */
const provenance = (
  { recipe, sampling, labels }: Plan,
  request: Request & { readonly model: Trained; readonly path: string },
  { seed, count, first = 0 }: { seed: number; count: number; first?: number },
): Record<string, string> => {
  const { checkpoint } = request.model;
  const names = labels?.slice(first, first + count).map((label) => checkpoint.header.classes?.[label] ?? "");
  const one = request.class ?? (count === 1 ? names?.[0] : undefined);
  const classes = classesOf(request.model);
  const options = {
    seed,
    count,
    ...(one !== undefined && { class: one }),
    ...samplingWords(sampling, recipe, classes),
    ...startWords(request),
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return provenanceText({
    command: shellLine([
      "undiffuse",
      "sample",
      checkpoint.path,
      ...words,
      ...(count === 1 ? ["--singles"] : []),
    ]),
    system: recipe.system,
    step: checkpoint.header.step,
    seed,
    ...(names && { classes: names }),
    sampling,
  });
};
