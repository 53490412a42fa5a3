import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ArgumentError, type NDArray, NonFiniteError } from "../base/index.ts";
import { writeFolderWhole, writeWhole } from "./atomic.ts";
import { configFile } from "./component-config.ts";
import { type JsonObject, showJson } from "./json-file.ts";
import { isPlainName } from "./plain-name.ts";
import { writeSafetensorsFile } from "./safetensors-file.ts";

/** A component to be written. */
export interface NewComponent {
  readonly library: "diffusers" | "transformers";
  readonly className: string;
  /** Without its class, which is added as the library wants it. */
  readonly config: JsonObject;
  /** Of models. */
  readonly tensors?: ReadonlyMap<string, NDArray>;
  /** Other files by name, such as a vocabulary. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

/** A pipeline to be written. */
export interface NewPipeline {
  readonly className: string;
  /** By the names of their folders; null where the pipeline goes without. */
  readonly components: Readonly<Record<string, NewComponent | null>>;
  /** The pipeline's own options. */
  readonly settings?: JsonObject;
}

export interface FolderOptions {
  /** Store float32 weights as float16, as the variant `fp16`. */
  readonly half?: boolean;
}

/** The version whose configurations are written. Python asks for one. */
const VERSION = { _diffusers_version: "0.42.1" };

/**
 * Writes a folder that `DiffusionPipeline.from_pretrained` loads, whole or not at all; with `half` it is asked for
 * `variant="fp16"`. The folder must be new or empty.
 * @throws FileError where it cannot be written; NonFiniteError for weights that are NaN or infinite
 */
export const writeDiffusersFolder = async (
  path: string,
  { className, components, settings = {} }: NewPipeline,
  options: FolderOptions = {},
): Promise<void> => {
  const entries = Object.entries(components);
  checkNames(Object.keys(components));
  for (const [name, component] of entries) if (component) check(name, component);
  const pairs = entries.map(([name, of]) => [name, of ? [of.library, of.className] : [null, null]] as const);
  const index = { ...settings, ...Object.fromEntries(pairs), ...VERSION, _class_name: className };
  await writeFolderWhole(path, async (folder) => {
    for (const [name, component] of entries)
      if (component) {
        await mkdir(join(folder, name));
        await fill(join(folder, name), component, options);
      }
    await writeWhole(join(folder, "model_index.json"), showJson(index));
  });
};

/** Writes a folder of one component, as its class's `from_pretrained` loads it; like `writeDiffusersFolder`. */
export const writeModelFolder = async (
  path: string,
  component: NewComponent,
  options: FolderOptions = {},
): Promise<void> => {
  check(component.className, component);
  await writeFolderWhole(path, (folder) => fill(folder, component, options));
};

const fill = async (
  folder: string,
  component: NewComponent,
  { half = false }: FolderOptions,
): Promise<void> => {
  const { library, className, config, tensors, files = {} } = component;
  for (const [name, content] of Object.entries(files)) await writeWhole(join(folder, name), content);
  const named =
    library === "diffusers"
      ? { ...config, ...VERSION, _class_name: className }
      : { ...config, ...(tensors && { architectures: [className] }) };
  await writeWhole(join(folder, configFile(className)), showJson(named));
  if (!tensors) return;
  const base = library === "diffusers" ? "diffusion_pytorch_model" : "model";
  const path = join(folder, `${base}${half ? ".fp16" : ""}.safetensors`);
  await writeSafetensorsFile(path, tensors, { metadata: { format: "pt" }, half });
};

const check = (who: string, { tensors, files = {} }: NewComponent): void => {
  checkNames(Object.keys(files));
  const bad = [...(tensors ?? [])].filter(([, { data }]) => data instanceof Float32Array && !allFinite(data));
  if (bad.length)
    throw new NonFiniteError({
      who,
      expected: "finite weights",
      got: `NaN or infinity in ${bad.map(([name]) => name).join(", ")}`,
    });
};

const checkNames = (names: readonly string[]): void => {
  const strange = names.find((name) => !isPlainName(name));
  if (strange !== undefined)
    throw new ArgumentError({
      who: "writeDiffusersFolder",
      expected: "names of files and folders",
      got: JSON.stringify(strange),
    });
};

const allFinite = (data: Float32Array): boolean => {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
};
