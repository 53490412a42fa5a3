import { basename, dirname, extname, join } from "node:path";
import { NDArray } from "../base/index.ts";
import { toPixels } from "../data/index.ts";
import { encodePng, enlarge, imageGrid, makeFolder, writeSafetensors, writeWhole } from "../formats/index.ts";
import { openTrained } from "../systems/index.ts";
import { defineCommand, integer, text } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { decodeNoise, invertImage } from "./inversion.ts";
import { classIndex } from "./sampling-options.ts";
import { readImage } from "./starting-point.ts";

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
  },
  examples: [
    ["undiffuse invert runs/digits seven.png --class 7", "the noise behind a seven"],
    [
      "undiffuse sample runs/digits --latent runs/digits/inverted/seven.inverted.safetensors --class 1",
      "as a one",
    ],
  ],
  async run({ model: path, image: picture, out, class: name, steps, scale, threads }) {
    const model = await openTrained(path, { threads });
    try {
      const { classes } = model.checkpoint.header;
      const label = name === undefined ? undefined : classIndex(classes, name, "--class");
      const folder = out ?? join(dirname(dirname(model.checkpoint.path)), "inverted");
      const image = await readImage(model, picture);
      await interruptible("stopping", async (signal) => {
        const x = await invertImage(model, image, { label, steps, signal });
        const again = await decodeNoise(model, x, { label, steps, signal });
        await makeFolder(folder);
        // Not the picture's own name, which may lie in the same folder.
        const target = join(folder, `${basename(picture, extname(picture))}.inverted`);
        await writeWhole(
          `${target}.safetensors`,
          writeSafetensors(new Map([["x", x]]), { steps: String(steps) }),
        );
        const shown = NDArray.concat([image.reshape(x.shape), x.mul(0.4), again]);
        const grid = imageGrid(toPixels(shown), { columns: 3, padding: 1 });
        await writeWhole(`${target}.png`, await encodePng(enlarge(grid, scale)));
        const apart = again.sub(image.reshape(x.shape)).abs().mean().item() * 127.5;
        process.stdout.write(`${target}.safetensors\n${target}.png\n`);
        process.stdout.write(`back again within ${apart.toFixed(1)} of 255 grey levels on average\n`);
      });
    } finally {
      await model.close();
    }
  },
});
