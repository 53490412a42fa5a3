import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileError } from "../base/index.ts";
import type { Component, JsonObject, NewComponent, NewPipeline, ReadProgress } from "../formats/index.ts";
import { readJsonObject } from "../formats/index.ts";
import { footprint, totalBytes } from "./footprint.ts";
import { type PipelineSource, spareParts } from "./pipeline-source.ts";
import { supportOf } from "./support.ts";

/** Told of every tensor that was read, in bytes of the whole pipeline's files; what it throws ends the reading. */
type OnRead = (progress: ReadProgress & { readonly part: string }) => void;

/**
 * All parts of a pipeline, to be written as a diffusers folder: weights as float32, under diffusers' names.
 * @throws FileError as the source's parts do, and before any weights are read for what would not open here, all listed
 */
export const importedPipeline = async (
  source: PipelineSource,
  onRead: OnRead = () => undefined,
): Promise<NewPipeline> => {
  await requireSupport(source);
  const total = totalBytes(await footprint(source), "stored");
  const components: Record<string, NewComponent | null> = {};
  let done = 0;
  for (const part of source.parts.filter((name) => !spareParts.has(name))) {
    let last = 0;
    components[part] = await importedComponent(await source.component(part), ({ bytes }) => {
      last = bytes;
      onRead({ part, bytes: done + bytes, total });
    });
    done += last;
  }
  const unsafe = source.className.startsWith("StableDiffusion") && !source.className.includes("XL");
  return {
    className: source.className,
    components: { ...components, ...(unsafe && { safety_checker: null }) },
    settings: { ...(source.settings as JsonObject), ...(unsafe && { requires_safety_checker: false }) },
  };
};

const requireSupport = async (source: PipelineSource): Promise<void> => {
  const { faults } = await supportOf(source);
  if (faults.length)
    throw new FileError(source.name, { expected: "a pipeline that opens here", got: faults.join("; ") });
};

const importedComponent = async (
  component: Component,
  onRead: (progress: ReadProgress) => void,
): Promise<NewComponent> => {
  const { className, folder, weights } = component;
  const library = /^CLIP/.test(className) ? "transformers" : "diffusers";
  const config = withoutNotes(component.config);
  if (weights) {
    try {
      return { library, className, config, tensors: await weights.readAll(onRead) };
    } finally {
      await weights.close();
    }
  }
  if (!className.includes("Tokenizer")) return { library, className, config };
  return { library, className, ...(await tokenizerFiles(folder)) };
};

/** Keys of Python's own bookkeeping, which the writer adds anew. */
const withoutNotes = (config: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(config).filter(([key]) => !key.startsWith("_") && key !== "architectures"),
  );

const CONFIG = "tokenizer_config.json";

/** A tokenizer's folder: vocabulary, merges and what stands beside them. */
const tokenizerFiles = async (
  folder: string,
): Promise<{ config: JsonObject; files: Record<string, Uint8Array> }> => {
  const names = await readdir(folder);
  const wanted = names.filter((name) => /\.(json|txt)$/.test(name) && name !== CONFIG);
  const files = await Promise.all(
    wanted.map(async (name) => [name, await readFile(join(folder, name))] as const),
  );
  const config = names.includes(CONFIG) ? await readJsonObject(join(folder, CONFIG)) : {};
  return { config, files: Object.fromEntries(files) };
};
