import { posix } from "node:path";
import { FileError } from "../base/index.ts";
import { configFile, MODEL_CONFIG } from "./component-config.ts";
import type { ModelIndex } from "./diffusers-folder.ts";
import { chooseWeights, showVariant, type WeightFiles, whyNoWeights } from "./weight-files.ts";

/** Which files of a model on the hub are wanted. */
export interface HubWish {
  readonly variant?: string | undefined;
  /** Components that are not needed, such as `safety_checker`. */
  readonly without?: readonly string[];
  /** These files by their paths, and no others. */
  readonly files?: readonly string[];
}

/** Paths to fetch; those of `indexes` name further ones beside them, of shards. */
export interface HubSelection {
  readonly paths: readonly string[];
  readonly indexes: readonly string[];
}

const INDEX = "model_index.json";
/** Configurations, vocabularies and chat templates; weights and their indexes are chosen by name. */
const isSmall = (name: string): boolean =>
  /\.(json|txt|model|jinja)$/.test(name) && !/\.index(\.[\w-]+)?\.json$/.test(name);

/** The file that has to be there before the others can be chosen; undefined for files that were asked for by name. */
export const entryFile = (name: string, paths: readonly string[], { files }: HubWish): string | undefined => {
  if (files) return undefined;
  const root = childrenOf(paths, "");
  const entry = [INDEX, configFile(undefined, root)].find((file) => root.includes(file));
  if (entry) return entry;
  throw new FileError(name, {
    expected: `a pipeline with ${INDEX} or a model with ${MODEL_CONFIG}`,
    got: root.join(", ") || "no files",
    hint: "name the files that are wanted",
  });
};

/** What is needed of a pipeline, by its index, or of one model. @throws FileError that lists what is there instead */
export const selectFiles = (
  name: string,
  paths: readonly string[],
  { files, variant, without = [], index }: HubWish & { readonly index?: ModelIndex },
): HubSelection => {
  if (files) return { paths: named(name, paths, files), indexes: [] };
  if (!index) return componentFiles(name, paths, { folder: "", variant });
  const wanted = [...index.components].flatMap(([component, declared]) =>
    declared && !without.includes(component)
      ? [{ component, folder: folderOf(paths, component), className: declared.className }]
      : [],
  );
  const hasVariant = wanted.some(({ folder }) => chooseWeights(childrenOf(paths, folder), variant));
  const each = wanted.map((place) => componentFiles(name, paths, { ...place, variant, orPlain: hasVariant }));
  const all = (part: keyof HubSelection) => [...new Set(each.flatMap((selection) => selection[part]))];
  return { paths: [...new Set([INDEX, ...all("paths")])], indexes: all("indexes") };
};

interface Place {
  readonly component?: string;
  readonly folder: string;
  readonly variant: string | undefined;
  readonly className?: string;
  /** Take weights without the variant where it has none, as another component has it. */
  readonly orPlain?: boolean;
}

const componentFiles = (
  name: string,
  paths: readonly string[],
  { component = "", folder, variant, className, orPlain = false }: Place,
): HubSelection => {
  const names = childrenOf(paths, folder);
  const path = (file: string) => posix.join(folder, file);
  const small = names.filter(isSmall).map(path);
  const config = configFile(className, names);
  if (!names.includes(config))
    throw new FileError(posix.join(name, component), {
      expected: config,
      got: names.join(", ") || "no files",
    });
  if (config !== MODEL_CONFIG) return { paths: small, indexes: [] };
  const weights = chooseWeights(names, variant) ?? (orPlain ? chooseWeights(names, undefined) : undefined);
  if (!weights)
    throw new FileError(posix.join(name, folder), { expected: showVariant(variant), ...whyNoWeights(names) });
  return withWeights(small, path(weights.file), weights);
};

const withWeights = (small: readonly string[], path: string, { sharded }: WeightFiles): HubSelection => ({
  paths: [...small, path],
  indexes: sharded ? [path] : [],
});

const named = (name: string, paths: readonly string[], files: readonly string[]): readonly string[] => {
  const missing = files.filter((file) => !paths.includes(file));
  if (missing.length)
    throw new FileError(name, { expected: missing.join(", "), got: paths.join(", ") || "no files" });
  return files;
};

/** Early pipelines keep all components side by side. */
const folderOf = (paths: readonly string[], component: string): string =>
  paths.some((path) => path.startsWith(`${component}/`)) ? component : "";

const childrenOf = (paths: readonly string[], folder: string): string[] =>
  paths.flatMap((path) => {
    const { dir, base } = posix.parse(path);
    return dir === folder ? [base] : [];
  });
