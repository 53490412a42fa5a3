import { join } from "node:path";
import type { NDArray } from "../base/index.ts";
import { toPixels } from "../data/index.ts";
import { encodePng, makeFolder, writeWhole } from "../formats/index.ts";
import {
  footprint,
  openPipeline,
  type PictureRequest,
  type Pipeline,
  weightBytes,
} from "../pipelines/index.ts";
import { backend, chosenBackend, device, precision } from "./backend-option.ts";
import { decimal, defineCommand, flag, integer, kebab, text, UsageError } from "./command.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { requireMemory } from "./memory-check.ts";
import { downloadedSource, forecastDownload, modelOptions } from "./model-download.ts";
import { forecastPictures } from "./picture-forecast.ts";
import { pictureSource } from "./picture-source.ts";
import { type Progress, showSeconds, startProgress } from "./progress.ts";
import { provenanceText, shellLine } from "./provenance.ts";
import { chosenScheduling } from "./scheduling-option.ts";
import { strength } from "./strength-option.ts";
import { weightedFiles, wordFiles } from "./weight-files.ts";

export const generateCommand = defineCommand({
  name: "generate",
  summary: "Make pictures of a prompt with a published checkpoint, such as Stable Diffusion",
  description: `The model is a folder as Python's diffusers saves it, a name of the Hugging Face hub, or a
single safetensors file. The same seed gives the picture that it gives in Python on a CPU.
What a model begins with follows from it: noise, --from a picture, with --mask an inpainted
one; an upscaler enlarges --from, a model of variations varies it.
Picture k has seed + k. Each PNG carries the command that made it (undiffuse info).`,
  arguments: {
    prompt: text<string | undefined>("what the pictures are to be of", { fallback: undefined }),
  },
  options: {
    model: text("a diffusers folder, a name of the hub, or a safetensors file", {
      short: "m",
      value: "model",
    }),
    out: text<string>("folder for the pictures", { short: "o", value: "folder", fallback: "pictures" }),
    negative: text("what to lead away from", { value: "prompt" }),
    count: integer("how many", { least: 1, fallback: 1 }),
    seed: integer("seed of the first picture", { fallback: 0 }),
    size: text("of the pictures in pixels (default: the model's, or that of --from)", {
      value: "width×height",
    }),
    steps: integer("steps of the sampler (default: as in Python, 50 for Stable Diffusion)", { least: 1 }),
    guidance: decimal("how strongly the prompt steers; 1 is the model as trained (default: as in Python)"),
    rescale: decimal("give this share of contrast back to guided pictures, 0 to 1"),
    sampler: text(
      "how noise becomes a picture: a name of undiffuse sample --help, a class of diffusers' schedulers, or a scheduler_config.json (default: the model's)",
      {
        value: "name",
      },
    ),
    from: text("begin with this picture", { value: "image" }),
    strength: strength("how much of the path to walk from it: 1 forgets it (default: 0.8, with a mask 1)"),
    mask: text("paint only where this picture is white; the rest stays, bit for bit where it is black", {
      value: "image",
    }),
    noiseLevel: integer("noise on what an upscaler enlarges: more lets it invent more", { fallback: 20 }),
    clipSkip: integer("leave out so many of the text encoder's last layers"),
    lora: text("LoRAs to lay over the weights, each with how much of it", { value: "file:scale,…" }),
    embedding: text("textual inversions to learn words from", { value: "file,…" }),
    ...modelOptions,
    preview: integer("write preview.png every so many steps", { least: 1 }),
    dryRun: flag("say what would be loaded, and what memory and time a picture takes, and stop"),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    device,
    backend,
    precision,
  },
  examples: [
    ['undiffuse generate "a red fox in the snow" --model ~/stable-diffusion-v1-5', "a picture, seed 0"],
    [
      'undiffuse generate "a fox" -m ~/sd --count 4 --steps 20 --sampler dpm_multistep',
      "four, in fewer steps",
    ],
    ['undiffuse generate "a fox, watercolour" -m ~/sd --from photo.jpg --strength 0.6', "a photo repainted"],
    ['undiffuse generate "a hat" -m ~/sd --from photo.jpg --mask head.png', "a part of it painted anew"],
    ['undiffuse generate "a fox" -m ~/sd --lora style.safetensors:0.7', "in a style that was learned"],
  ],
  async run({ model, threads, device, backend, precision, ...given }) {
    if (model === undefined)
      throw new UsageError({
        who: "--model",
        expected: "a folder, a name of the hub or a file",
        got: "none",
      });
    const place = { threads, backend: await chosenBackend({ device, backend }), precision };
    await interruptible("stopping", async (signal) => {
      try {
        if (given.dryRun && (await forecastDownload(model, given, signal))) return;
        const parts = await downloadedSource(model, given, signal);
        if (given.dryRun)
          return await forecastPictures(parts, { ...given, ...chosenSize(given.size) }, place);
        requireMemory(parts.name, weightBytes(await footprint(parts)));
        const loras = await weightedFiles(given.lora);
        const words = await wordFiles(given.embedding);
        const pipeline = await openPipeline(parts, { ...place, loras, words });
        try {
          const request = await requestOf(pipeline, given);
          for (let k = 0; k < given.count; k++)
            await makeOne(pipeline, { ...request, seed: given.seed + k, signal }, { ...given, model, k });
        } finally {
          await pipeline.close();
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        process.exitCode = INTERRUPTED;
      }
    });
  },
});

type Given = Omit<
  Parameters<typeof generateCommand.run>[0],
  "model" | "threads" | "device" | "backend" | "precision"
>;

const requestOf = async (pipeline: Pipeline, given: Given): Promise<PictureRequest> => {
  const { prompt, negative, steps, guidance, rescale, clipSkip, sampler } = given;
  const size = chosenSize(given.size);
  return {
    prompt,
    negative,
    steps,
    guidance,
    rescale,
    clipSkip,
    ...size,
    scheduling: sampler === undefined ? undefined : await chosenScheduling(sampler),
    source: await pictureSource(pipeline, { ...given, size }),
  };
};

/** @throws UsageError unless it is two whole numbers */
const chosenSize = (
  words: string | undefined,
): { readonly width: number; readonly height: number } | undefined => {
  if (words === undefined) return undefined;
  const [, width, height] = /^(\d+)[x×](\d+)$/.exec(words) ?? [];
  if (Number(width) > 0 && Number(height) > 0) return { width: Number(width), height: Number(height) };
  throw new UsageError({
    who: "--size",
    expected: "width×height in pixels, e.g. 512x768",
    got: `"${words}"`,
  });
};

/** Makes a picture behind a progress bar, and writes it with the command that makes it again. */
const makeOne = async (
  pipeline: Pipeline,
  request: PictureRequest & { readonly seed: number },
  given: Given & { readonly model: string; readonly k: number },
): Promise<void> => {
  const { frames, picture, cut } = await pipeline.generate(request);
  if (given.k === 0)
    for (const words of cut)
      process.stderr.write(`the prompt is too long for the text encoder, which does not see: ${words}\n`);
  await makeFolder(given.out);
  const clock = performance.now();
  let progress: Progress | undefined;
  let last: NDArray | undefined;
  try {
    for await (const { index, total, x, denoised } of frames) {
      progress ??= startProgress(
        given.count === 1 ? "picture" : `picture ${given.k + 1} of ${given.count}`,
        total,
      );
      const left = ((performance.now() - clock) / 1000 / (index + 1)) * (total - index - 1);
      progress.update(index + 1, { left: showSeconds(left) });
      last = x;
      if (given.preview && (index + 1) % given.preview === 0 && index + 1 < total)
        await writePng(join(given.out, "preview.png"), await picture(denoised));
    }
  } finally {
    progress?.stop();
  }
  const path = join(given.out, `${String(request.seed).padStart(5, "0")}.png`);
  await writePng(path, await picture(last as NDArray), provenance(pipeline, request, given));
  process.stdout.write(`${path}\n`);
};

const writePng = async (path: string, pictures: NDArray, texts?: Record<string, string>): Promise<void> =>
  writeWhole(path, await encodePng(toPixels(pictures.row(0)), texts));

/** Options that say what a picture is, and not where or how it is made. */
const telling = [
  ...["model", "negative", "size", "steps", "guidance", "rescale", "sampler", "from", "strength", "mask"],
  ...["noiseLevel", "clipSkip", "lora", "embedding", "tokenizer", "prediction", "ema", "variant", "revision"],
] as const;

const provenance = (
  { className }: Pipeline,
  { prompt, seed }: PictureRequest & { readonly seed: number },
  given: Given & { readonly model: string },
): Record<string, string> => {
  const said: Readonly<Record<string, unknown>> = given;
  const words = telling.flatMap((name) => {
    const value = said[name];
    const unsaid =
      value === undefined || value === false || (name === "noiseLevel" && given.from === undefined);
    return unsaid ? [] : [`--${kebab(name)}`, ...(value === true ? [] : [String(value)])];
  });
  const command = ["undiffuse", "generate", ...(prompt === undefined ? [] : [prompt]), ...words];
  return provenanceText({
    command: shellLine([...command, "--seed", String(seed)]),
    system: className,
    seed,
  });
};
