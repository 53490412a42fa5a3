import { basename, extname, join } from "node:path";
import { NDArray } from "../base/index.ts";
import { toPixels } from "../data/index.ts";
import { encodePng, enlarge, imageGrid, makeFolder, writeSafetensors, writeWhole } from "../formats/index.ts";
import { openTrained, samplingOf, type Trained, unguided } from "../systems/index.ts";
import { backend, precision } from "./backend-option.ts";
import { besideModel } from "./beside-model.ts";
import { defineCommand, integer, text } from "./command.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { readImage } from "./picture-input.ts";
import { provenanceText, shellLine } from "./provenance.ts";
import { classIndex } from "./sampling-options.ts";

export const invertCommand = defineCommand({
  name: "invert",
  summary: "Find the noise that leads to a picture",
  description: `DDIM without fresh noise is a map from noise to images, and can be walked
backwards. Writes the noise (<name>.inverted.safetensors, for sample --latent)
and a picture of three (<name>.inverted.png): the image, its noise, and what the
noise leads back to. The way back is inexact; more steps bring it nearer.`,
  arguments: {
    model: text<string>("a run folder (its newest checkpoint) or a checkpoint file"),
    image: text<string>("the picture; it is cut and resized to the model's size"),
  },
  options: {
    out: text("folder for both files (default: inverted/ in the run's folder)", {
      short: "o",
      value: "folder",
    }),
    class: text("what the picture is of, for a model with classes", { value: "name" }),
    steps: integer("steps each way", { least: 1, fallback: 100 }),
    scale: integer("enlarge the picture", { least: 1, fallback: 4 }),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    backend,
    precision,
  },
  examples: [
    ["undiffuse invert runs/digits seven.png --class 7", "the noise behind a seven"],
    [
      "undiffuse sample runs/digits --latent runs/digits/inverted/seven.inverted.safetensors --class 1",
      "as a one",
    ],
  ],
  async run({ model: path, image: picture, out, class: name, steps, scale, threads, backend, precision }) {
    const model = await openTrained(path, { threads, backend, precision });
    try {
      const { classes, image: shape, step } = model.checkpoint.header;
      const known = model.stage.conditional ? classes : null;
      const labels = name === undefined ? undefined : [classIndex(known, name, "--class")];
      const folder = out ?? besideModel(model, "inverted");
      const image = (await readImage(model, picture)).reshape([1, ...shape]);
      await makeFolder(folder);
      // Not the picture's own name, which may lie in the same folder.
      const target = join(folder, `${basename(picture, extname(picture))}.inverted`);
      const words = ["undiffuse", "invert", model.checkpoint.path, picture, "--steps", String(steps)];
      const facts = {
        command: shellLine([...words, ...(name === undefined ? [] : ["--class", name])]),
        system: model.recipe.system,
        step,
        ...(name !== undefined && { classes: [name] }),
      };
      await interruptible("stopping", async (signal) => {
        try {
          const noise = await model.invert(image, { labels, steps, signal });
          const again = await decoded(model, noise, { labels, steps, signal });
          await write({ image, noise, again }, target, { facts, steps, scale });
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

/** An image, its noise and what that leads to, each [1, c, h, w]. */
interface Found {
  readonly image: NDArray;
  readonly noise: NDArray;
  readonly again: NDArray;
}

/** The image that DDIM leads noise to, the way that it came. */
const decoded = async (
  model: Trained,
  x: NDArray,
  request: {
    readonly labels: readonly number[] | undefined;
    readonly steps: number;
    readonly signal: AbortSignal;
  },
): Promise<NDArray> => {
  const { steps, ...rest } = request;
  const sampling = samplingOf(unguided(model.recipe), { sampler: { kind: "ddim", steps } });
  let end = x;
  for await (const frame of model.sample({ ...rest, start: { kind: "given", x }, sampling })) end = frame.x;
  return end;
};

/** How strongly noise is shown: about ±2.5 standard deviations between black and white. */
const NOISE_CONTRAST = 0.4;

/** Writes the noise and the picture of three, and says how far they are apart. */
const write = async (
  { image, noise, again }: Found,
  target: string,
  {
    facts,
    steps,
    scale,
  }: {
    readonly facts: Parameters<typeof provenanceText>[0];
    readonly steps: number;
    readonly scale: number;
  },
): Promise<void> => {
  const { command } = facts;
  await writeWhole(
    `${target}.safetensors`,
    writeSafetensors(new Map([["x", noise]]), { steps: String(steps), command }),
  );
  const shown = NDArray.concat([image, noise.mul(NOISE_CONTRAST), again]);
  const grid = imageGrid(toPixels(shown), { columns: 3, padding: 1 });
  await writeWhole(`${target}.png`, await encodePng(enlarge(grid, scale), provenanceText(facts)));
  const apart = again.sub(image).abs().mean().item() * 127.5;
  process.stdout.write(`${target}.safetensors\n${target}.png\n`);
  process.stdout.write(`back again within ${apart.toFixed(1)} of 255 grey levels on average\n`);
};
