import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FileError } from "../base/index.ts";
import type { DataSpec } from "../data/index.ts";
import { recipes } from "../recipes/index.ts";
import { parseRecipe, type Recipe } from "../systems/index.ts";
import { runFolder } from "../train/index.ts";
import { UsageError } from "./command.ts";

/** What a training command changes in a recipe; absent ones stay. */
export interface Changes {
  readonly data: string | undefined;
  readonly size: number | undefined;
  readonly classes: "folders" | "none" | undefined;
  readonly steps: number | undefined;
  readonly batch: number | undefined;
  readonly seed: number | undefined;
}

/** The recipe that a word stands for (a name, a file, a run folder), changed; and the folder to train in. */
export const openRecipe = async (
  word: string,
  changes: Changes,
): Promise<{ recipe: Recipe; folder: string }> => {
  const { input, folder } = await readRecipe(word);
  const recipe = parseRecipe(applied(input, changes), word);
  return { recipe, folder: folder ?? join("runs", recipe.name) };
};

/** The data that a word stands for, and the recipe whose data they are; null for a folder that holds no run. */
export interface DataSource {
  readonly spec: DataSpec;
  readonly recipe: Recipe | null;
}

/** The data of a recipe; of a folder that holds no run, its pictures as the packaged recipe takes them. */
export const openDataSource = async (
  word: string,
  given: Pick<Changes, "size" | "classes">,
): Promise<DataSource> => {
  const changes = { data: undefined, steps: undefined, batch: undefined, seed: undefined, ...given };
  if (!(await isPlainFolder(word))) {
    const { recipe } = await openRecipe(word, changes);
    return { spec: recipe.data, recipe };
  }
  const { recipe } = await openRecipe("images", { ...changes, data: word });
  return { spec: recipe.data, recipe: null };
};

/** Whether there is a folder here and no run in it. */
export const isPlainFolder = async (path: string): Promise<boolean> => {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  return isFolder && (await stat(runFolder(path).recipe).catch(() => null)) === null;
};

const readRecipe = async (word: string): Promise<{ input: object; folder?: string }> => {
  const known = recipes[word];
  if (known) return { input: known };
  const kind = await stat(word).catch(() => null);
  if (kind?.isDirectory()) return { input: await readJson(runFolder(word).recipe), folder: word };
  if (kind) return { input: await readJson(word) };
  throw new UsageError({
    who: "recipe",
    expected: `one of ${Object.keys(recipes).join(", ")}, a recipe file or a run folder`,
    got: `"${word}"`,
  });
};

const readJson = async (path: string): Promise<object> => {
  const fail = (got: string, cause?: unknown): never => {
    throw new FileError(path, { expected: "a recipe as a JSON object", got }, { cause });
  };
  const value = await readFile(path, "utf8")
    .then((text): unknown => JSON.parse(text))
    .catch((cause: Error) => fail(cause.message, cause));
  return typeof value === "object" && value !== null ? value : fail(JSON.stringify(value));
};

const applied = (input: object, { data, size, classes, ...training }: Changes): object => {
  const recipe = input as { data?: { kind?: string }; training?: object; stages?: object };
  const folder = data === undefined ? {} : { kind: "folder", path: resolve(data) };
  const kept = data === undefined || recipe.data?.kind === "folder" ? recipe.data : {};
  return {
    ...recipe,
    data: merged(kept, { ...folder, size, classes }),
    training: merged(recipe.training, training),
    ...(recipe.stages && { stages: without(recipe.stages, given(training)) }),
  };
};

/** What stages say of themselves alone, but for fields that a change gives all of them. */
const without = (stages: object, changes: readonly (readonly [name: string, value: unknown])[]): object => {
  const changed = new Set(changes.map(([name]) => name));
  return Object.fromEntries(
    Object.entries(stages).map(([name, fields]) => [
      name,
      Object.fromEntries(Object.entries(fields as object).filter(([field]) => !changed.has(field))),
    ]),
  );
};

/** The fields with those that a change gives; as it is where there is none, for what checks it to see. */
const merged = (fields: object | undefined, changes: object): object | undefined => {
  const changed = given(changes);
  return changed.length ? { ...fields, ...Object.fromEntries(changed) } : fields;
};

const given = (changes: object): [string, unknown][] =>
  Object.entries(changes).filter(([, value]) => value !== undefined);
