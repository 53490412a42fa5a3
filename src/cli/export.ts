import { basename, dirname, extname, join, resolve } from "node:path";
import { FileError } from "../base/index.ts";
import { makeFolder, type NewPipeline, writeDiffusersFolder, writeWhole } from "../formats/index.ts";
import {
  diffusersExport,
  onnxExport,
  type Recipe,
  readTrainedStage,
  type TrainedStage,
} from "../systems/index.ts";
import { choice, defineCommand, flag, kebab, text, UsageError } from "./command.ts";
import { chosenSampling, type SamplingChoice, samplingOptions } from "./sampling-options.ts";
import { version } from "./version.ts";

const formats = ["diffusers", "onnx"] as const;

export const exportCommand = defineCommand({
  name: "export",
  summary: "Write a trained model as files that other programs open",
  description: `diffusers  a folder that Python loads: the averaged weights of the U-Net, and the
           scheduler that samples as the recipe does, or as the options say. Its
           README.md has the Python that makes the images undiffuse sample makes.
onnx       the network as one file for onnxruntime, in Python, Node.js or a
           browser: sample, timestep and class_labels to out_sample, of any batch,
           and of U-Nets any height and width. Its metadata say how to call it.

Not every system has a counterpart in diffusers: docs/export.md has the table.`,
  arguments: {
    model: text<string>("a run folder (its newest checkpoint), a checkpoint, or a model that comes along", {
      fallback: "emoji",
    }),
  },
  options: {
    to: choice("what to write", formats),
    out: text("the folder or file (default: <model>-diffusers or <model>.onnx, here)", {
      short: "o",
      value: "path",
    }),
    half: flag("store weights in float16; onnx computes in it too, but for statistics and softmax"),
    external: flag("onnx: put the weights in a file beside it, as is done anyway beyond 2 GB"),
    dryRun: flag("say what would be written and how large it is; write nothing"),
    ...samplingOptions,
  },
  examples: [
    ["undiffuse export --to diffusers -o emoji", "the model that comes along, for Python"],
    ["undiffuse export runs/digits --to onnx", "digits.onnx, for onnxruntime anywhere"],
    ["undiffuse export runs/digits --to onnx --half --dry-run", "how large it would be in float16"],
    [
      "undiffuse export runs/digits-edm --to diffusers --sampler dpm_multistep --sigmas karras",
      "with a sampler that diffusers has",
    ],
  ],
  async run({ model, to, out, half, external, dryRun, ...sampling }) {
    if (!to) throw new UsageError({ who: "--to", expected: formats.join(" or "), got: "nothing" });
    const unused = to === "onnx" ? firstOf(sampling) : external ? "external" : undefined;
    if (unused !== undefined)
      throw new UsageError({
        who: `--${unused}`,
        expected: `--to ${to === "onnx" ? "diffusers" : "onnx"}`,
        got: to,
      });
    const trained = await readTrainedStage(model);
    const name = basename(resolve(model), ".safetensors");
    const request = { half, external, sampling };
    const plan =
      to === "onnx"
        ? onnxPlan(trained, out ?? `${name}.onnx`, request)
        : await diffusersPlan(trained, out ?? `${name}-diffusers`, request);
    if (!dryRun) await plan.write();
    for (const { path, bytes } of plan.files) process.stdout.write(`${path}, ${size(bytes)}\n`);
    if (dryRun) process.stdout.write("a dry run: nothing is written\n");
  },
});

interface Request {
  readonly half: boolean;
  readonly external: boolean;
  readonly sampling: SamplingChoice;
}

/** What would be written, and the writing of it. */
interface Plan {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly write: () => Promise<void>;
}

/** The option of how to sample that was given, if any. */
const firstOf = (sampling: SamplingChoice): string | undefined => {
  const given = Object.entries(sampling).find(([, value]) => value !== undefined)?.[0];
  return given && kebab(given);
};

const onnxPlan = (trained: TrainedStage, path: string, { half, external }: Request): Plan => {
  const beside = `${basename(path)}.data`;
  const { model, data } = onnxExport(trained, {
    half,
    limit: external ? 0 : undefined,
    external: beside,
    version,
  });
  const bytes = data.reduce((sum, part) => sum + part.length, 0);
  const other = join(dirname(path), beside);
  return {
    files: [{ path, bytes: model.length }, ...(bytes ? [{ path: other, bytes }] : [])],
    async write() {
      await makeFolder(dirname(path));
      if (bytes) await writeWhole(other, data);
      await writeWhole(path, model);
    },
  };
};

const diffusersPlan = async (
  trained: TrainedStage,
  folder: string,
  { half, sampling: choice }: Request,
): Promise<Plan> => {
  if (extname(folder) === ".safetensors")
    throw new UsageError({ who: "--out", expected: "a folder", got: folder });
  const { recipe, stage, checkpoint } = trained;
  const classes = stage.conditional ? checkpoint.header.classes : null;
  const sampling: Recipe["sampling"] = await chosenSampling(recipe, classes, choice);
  const { pipeline, files } = diffusersExport(trained, { sampling, half });
  const texts = Object.entries(files).map(([name, content]) => [join(folder, name), content] as const);
  return {
    files: [
      weightsFile(folder, pipeline, half),
      ...texts.map(([path, content]) => ({ path, bytes: Buffer.byteLength(content) })),
    ],
    async write() {
      await makeFolder(dirname(folder));
      await writeDiffusersFolder(folder, pipeline, { half }).catch((error: unknown) => {
        throw error instanceof RangeError ? tooLarge(folder, error) : error;
      });
      for (const [path, content] of texts) await writeWhole(path, content);
    },
  };
};

/** The file of the network's weights; the header is not counted. */
const weightsFile = (folder: string, { components }: NewPipeline, half: boolean) => ({
  path: join(folder, "unet", `diffusion_pytorch_model${half ? ".fp16" : ""}.safetensors`),
  bytes: [...(components.unet?.tensors?.values() ?? [])].reduce(
    (sum, { size }) => sum + size * (half ? 2 : 4),
    0,
  ),
});

/** In thousands or millions of bytes. */
const size = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 100) / 10} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

const tooLarge = (path: string, cause: RangeError): FileError =>
  new FileError(path, { expected: "weights of float16's range", got: cause.message }, { cause });
