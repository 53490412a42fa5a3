import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Component, JsonObject, NewComponent, NewPipeline } from "../formats/index.ts";
import { readJsonObject } from "../formats/index.ts";
import type { PipelineSource } from "./pipeline-source.ts";

/** Told of each part before it is read. */
type OnPart = (name: string, index: number, total: number) => void;

/** Parts that are not carried over: nothing here reads them, and Python goes without. */
const LEFT: ReadonlySet<string> = new Set(["safety_checker", "watermarker"]);

/**
 * All parts of a pipeline, to be written as a diffusers folder: weights as float32, under diffusers' names.
 * @throws FileError as the source's parts do
 */
export const importedPipeline = async (
  source: PipelineSource,
  onPart: OnPart = () => undefined,
): Promise<NewPipeline> => {
  const names = source.parts.filter((name) => !LEFT.has(name));
  const components: Record<string, NewComponent | null> = {};
  for (const [index, name] of names.entries()) {
    onPart(name, index, names.length);
    components[name] = await importedComponent(await source.component(name));
  }
  const unsafe = source.className.startsWith("StableDiffusion") && !source.className.includes("XL");
  return {
    className: source.className,
    components: { ...components, ...(unsafe && { safety_checker: null }) },
    settings: { ...(source.settings as JsonObject), ...(unsafe && { requires_safety_checker: false }) },
  };
};

const importedComponent = async (component: Component): Promise<NewComponent> => {
  const { className, folder, weights } = component;
  const library = /^CLIP/.test(className) ? "transformers" : "diffusers";
  const config = withoutNotes(component.config);
  if (weights) {
    const tensors = await weights.readAll();
    await weights.close();
    return { library, className, config, tensors };
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
