import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { FileError } from "../base/index.ts";
import { defineCommand, text } from "./command.ts";
import { describeModelFolder, describePipelineFolder } from "./info/folder.ts";
import { describeImage } from "./info/image.ts";
import { describeOnnx } from "./info/onnx.ts";
import { describeRun } from "./info/run.ts";
import { describeWeights } from "./info/weights.ts";

export const infoCommand = defineCommand({
  name: "info",
  summary: "Say what a run, a checkpoint, a published model or an image is",
  description: `Of what undiffuse made: how far a run is, and the command that made an image. Of published
models: what they consist of, how large they are, what pictures begin with, and what is not
supported. Files are told apart by what is in them; their weights are not loaded.`,
  arguments: {
    path: text<string>(
      "a run folder, a checkpoint, a diffusers folder or one of its models, a safetensors or ONNX file, or a PNG made by undiffuse",
    ),
  },
  options: {},
  examples: [
    ["undiffuse info runs/digits", "how far a run is, and how well it does by noise level"],
    ["undiffuse info runs/digits/samples/grid.png", "the command that makes this image again"],
    ["undiffuse info ~/stable-diffusion-v1-5", "its parts, their sizes, and whether it is supported"],
    ["undiffuse info style.safetensors", "the base and ranks of a LoRA, or what else the file is"],
  ],
  async run({ path }) {
    const kind = await stat(path).catch(() => null);
    if (!kind)
      throw new FileError(path, {
        expected: "a run, a checkpoint, a model or an image",
        got: "nothing there",
      });
    const describe = kind.isDirectory() ? ofFolder(path) : ofFile(path);
    process.stdout.write(`${(await describe(path)).join("\n")}\n`);
  },
});

type Describe = (path: string) => Promise<string[]>;

/** Files that only folders of one model, scheduler, tokenizer or image processor have. */
const configurations = [
  "config.json",
  "scheduler_config.json",
  "tokenizer_config.json",
  "preprocessor_config.json",
];

const ofFolder = (path: string): Describe => {
  if (existsSync(join(path, "model_index.json"))) return describePipelineFolder;
  return configurations.some((name) => existsSync(join(path, name))) ? describeModelFolder : describeRun;
};

const files: Readonly<Record<string, Describe>> = { ".png": describeImage, ".onnx": describeOnnx };

const ofFile = (path: string): Describe => files[extname(path).toLowerCase()] ?? describeWeights;
