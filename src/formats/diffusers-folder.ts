import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { FileError } from "../base/index.ts";
import { configFile, MODEL_CONFIG } from "./component-config.ts";
import { type JsonObject, type JsonValue, readJsonObject } from "./json-file.ts";
import { isPlainName } from "./plain-name.ts";
import { openSafetensors, type WeightSource } from "./safetensors-file.ts";
import { openSharded } from "./sharded.ts";
import { chooseWeights, showVariant, whyNoWeights } from "./weight-files.ts";

/** A class of Python's, as `model_index.json` names it. */
export interface ComponentClass {
  readonly library: string;
  readonly className: string;
}

/** What a pipeline consists of. */
export interface ModelIndex {
  /** The pipeline's class, such as `StableDiffusionPipeline`. */
  readonly className: string;
  /** By the names of their folders; null where the pipeline goes without. */
  readonly components: ReadonlyMap<string, ComponentClass | null>;
  /** The pipeline's own options. */
  readonly settings: JsonObject;
}

/** A model, scheduler, tokenizer or image processor of a folder. */
export interface Component {
  readonly className: string;
  /** Where its files lie: a tokenizer's vocabulary, for one. */
  readonly folder: string;
  readonly config: JsonObject;
  /** Of models only; to be closed by who opened it. */
  readonly weights: WeightSource | null;
  /** The variant that was found: undefined where a component has only plain weights. */
  readonly variant: string | undefined;
}

export interface OpenOptions {
  /** `fp16` and the like. */
  readonly variant?: string | undefined;
}

const INDEX = "model_index.json";

/** Reads a pipeline's `model_index.json`. @throws FileError for one that is missing or says something else */
export const readModelIndex = async (folder: string): Promise<ModelIndex> => {
  const path = join(folder, INDEX);
  const { _class_name, ...rest } = await readJsonObject(path);
  if (typeof _class_name !== "string")
    throw new FileError(path, {
      expected: "_class_name as text",
      got: JSON.stringify(_class_name) ?? "none",
    });
  const others = Object.entries(rest).filter(([key]) => !key.startsWith("_"));
  const isPair = ([, value]: readonly [string, JsonValue]) => Array.isArray(value) && value.length === 2;
  return {
    className: _class_name,
    components: new Map(
      others
        .filter(isPair)
        .map(([name, value]) => [name, classOf(path, name, value as readonly JsonValue[])]),
    ),
    settings: Object.fromEntries(others.filter((entry) => !isPair(entry))),
  };
};

/**
 * Opens a component of a pipeline's folder by its name. As in Python, one without the asked-for variant gives its plain
 * weights if another component has the variant, and one without a folder of its own lies in the pipeline's.
 * @throws FileError for what is missing, damaged, outside the folder or only there as pickles
 */
export const openComponent = async (
  folder: string,
  name: string,
  { variant }: OpenOptions = {},
): Promise<Component> => {
  const { components } = await readModelIndex(folder);
  const declared = components.get(name);
  if (!declared)
    throw new FileError(join(folder, INDEX), {
      expected: `a component ${JSON.stringify(name)}`,
      got: declared === null ? "null" : [...components.keys()].join(", ") || "none",
    });
  const own = await componentFolder(folder, name);
  const names = await filesOf(own);
  const plain =
    variant !== undefined &&
    !chooseWeights(names, variant) &&
    (await hasVariant(folder, components, variant));
  return open(own, names, { variant: plain ? undefined : variant, className: declared.className });
};

/**
 * Opens a folder of one model, scheduler or tokenizer, whose class its configuration names.
 * @throws FileError as `openComponent` does
 */
export const openModelFolder = async (folder: string, { variant }: OpenOptions = {}): Promise<Component> =>
  open(folder, await filesOf(folder), { variant });

const open = async (
  folder: string,
  names: readonly string[],
  { variant, className }: OpenOptions & { readonly className?: string },
): Promise<Component> => {
  const file = configFile(className, names);
  const path = join(folder, file);
  if (!names.includes(file))
    throw new FileError(folder, { expected: file, got: names.join(", ") || "an empty folder" });
  const config = await readJsonObject(path);
  const common = { className: className ?? classIn(path, config), folder, config };
  if (file !== MODEL_CONFIG) return { ...common, weights: null, variant: undefined };
  const found = chooseWeights(names, variant);
  if (!found) throw new FileError(folder, { expected: showVariant(variant), ...whyNoWeights(names) });
  const weights = await (found.sharded ? openSharded : openSafetensors)(join(folder, found.file));
  return { ...common, weights, variant: found.variant };
};

/** diffusers' `_class_name`, transformers' first of `architectures`, or what tokenizers and processors say. */
const classIn = (path: string, config: JsonObject): string => {
  const { _class_name, architectures, tokenizer_class, feature_extractor_type, image_processor_type } =
    config;
  const first = Array.isArray(architectures) ? architectures[0] : undefined;
  const named = [_class_name, first, tokenizer_class, feature_extractor_type, image_processor_type];
  const found = named.find((name) => typeof name === "string");
  if (typeof found === "string") return found;
  throw new FileError(path, { expected: "a class under _class_name or architectures", got: "none" });
};

const classOf = (
  path: string,
  name: string,
  [library, className]: readonly JsonValue[],
): ComponentClass | null => {
  if (!isPlainName(name))
    throw new FileError(path, { expected: "components in its own folder", got: JSON.stringify(name) });
  if (className === null) return null;
  if (typeof library === "string" && typeof className === "string") return { library, className };
  throw new FileError(path, {
    expected: `a library and a class for ${JSON.stringify(name)}`,
    got: JSON.stringify([library, className]),
  });
};

/** Early pipelines keep all components side by side. */
const componentFolder = async (folder: string, name: string): Promise<string> => {
  const own = join(folder, name);
  return (await stat(own).catch(() => undefined))?.isDirectory() ? own : folder;
};

const hasVariant = async (
  folder: string,
  components: ModelIndex["components"],
  variant: string,
): Promise<boolean> => {
  for (const name of components.keys())
    if (chooseWeights(await filesOf(await componentFolder(folder, name)), variant)) return true;
  return false;
};

const filesOf = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder).catch((cause: Error) => {
    throw new FileError(folder, { expected: "a readable folder", got: cause.message }, { cause });
  });
  return names.sort();
};
