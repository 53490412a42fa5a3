import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { ArgumentError } from "../base/index.ts";
import { makeFolder } from "../formats/index.ts";
import { findCheckpoint, parseRecipe, shapeOf, stagesOf } from "../systems/index.ts";
import { type Checkpoint, packCheckpoint } from "../train/index.ts";
import { defineCommand, text } from "./command.ts";

/** @throws ArgumentError for a run of several stages, of which one alone generates nothing */
const requireOneStage = ({ header, path }: Checkpoint, model: string): void => {
  const stages = stagesOf(parseRecipe(header.recipe, path), shapeOf(header));
  if (stages.length === 1) return;
  throw new ArgumentError({
    who: "pack",
    expected: "a run of one stage",
    got: `${stages.map(({ name }) => name).join(", ")} in ${model}`,
  });
};

export const packCommand = defineCommand({
  name: "pack",
  summary: "Write a trained model as one small file, to sample from elsewhere",
  description: `Keeps the averaged weights in float16, and the recipe: two bytes a parameter,
where a checkpoint has sixteen. The file stands for the run in undiffuse sample,
invert and evaluate, and in openTrained; a training cannot go on from it.`,
  arguments: { model: text<string>("a run folder (its newest checkpoint) or a checkpoint file") },
  options: {
    out: text("the file (default: <run>.safetensors, here)", { short: "o", value: "file" }),
  },
  examples: [
    ["undiffuse pack runs/digits", "digits.safetensors"],
    ["undiffuse sample digits.safetensors --count 10", "ten digits from it"],
  ],
  async run({ model, out }) {
    const checkpoint = await findCheckpoint(model);
    requireOneStage(checkpoint, model);
    const path = out ?? `${basename(resolve(model), ".safetensors")}.safetensors`;
    await makeFolder(dirname(path));
    await packCheckpoint(path, checkpoint);
    process.stdout.write(`${path}, ${((await stat(path)).size / 1e6).toFixed(1)} MB\n`);
  },
});
