import { dirname, resolve } from "node:path";
import { makeFolder, type NewPipeline, writeDiffusersFolder } from "../formats/index.ts";
import { footprint, importedPipeline, type PipelineSource, totalBytes } from "../pipelines/index.ts";
import { defineCommand, flag, text, UsageError } from "./command.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { requireMemory } from "./memory-check.ts";
import { downloadedSource, forecastDownload, modelOptions, showSize } from "./model-download.ts";
import { forecastImport } from "./picture-forecast.ts";
import { type Progress, startProgress } from "./progress.ts";

export const importCommand = defineCommand({
  name: "import",
  summary: "Write a published checkpoint as a folder that undiffuse and Python's diffusers open",
  description: `A single safetensors file of Stable Diffusion becomes a folder with diffusers' names; so does a
model of the hub, or a folder in another variant. The folder is written whole or not at all.
undiffuse generate opens all of these as they are: this is for keeping, and for Python.`,
  arguments: { model: text<string>("a safetensors file, a name of the hub, or a diffusers folder") },
  options: {
    out: text("the folder to write, new or empty", { short: "o", value: "folder" }),
    ...modelOptions,
    half: flag("store weights as float16, as the variant fp16"),
    dryRun: flag("say what would be written and how large it is, and stop"),
  },
  examples: [
    ["undiffuse import v1-5.safetensors --tokenizer sd/tokenizer -o v1-5", "a single file as a folder"],
    ["undiffuse import stabilityai/sd-turbo --half -o turbo", "a model of the hub, in half the bytes"],
  ],
  async run({ model, out, half, dryRun, ...wish }) {
    if (out === undefined && !dryRun)
      throw new UsageError({ who: "--out", expected: "a folder to write", got: "none" });
    await interruptible("stopping; nothing is written", async (signal) => {
      try {
        if (dryRun && (await forecastDownload(model, wish, signal))) return;
        const source = await downloadedSource(model, wish, signal);
        if (dryRun) return await forecastImport(source);
        requireMemory(source.name, totalBytes(await footprint(source), "held"));
        const pipeline = await readPipeline(source, signal);
        signal.throwIfAborted();
        await makeFolder(dirname(resolve(out as string)));
        await writeDiffusersFolder(out as string, pipeline, { half });
        process.stdout.write(`${out}\n`);
      } catch (error) {
        if (!signal.aborted) throw error;
        process.exitCode = INTERRUPTED;
      }
    });
  },
});

/** Reads all of a pipeline behind a progress bar of bytes, until it is interrupted. */
const readPipeline = async (source: PipelineSource, signal: AbortSignal): Promise<NewPipeline> => {
  let progress: Progress | undefined;
  try {
    return await importedPipeline(source, ({ part, bytes, total }) => {
      signal.throwIfAborted();
      progress ??= startProgress("reading", total);
      progress.update(bytes, { size: showSize(total), part });
    });
  } finally {
    progress?.stop();
  }
};
