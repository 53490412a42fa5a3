import { open, stat } from "node:fs/promises";
import { FileError } from "../base/index.ts";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Bytes of the largest configuration or index that is read: a million tensors' names. */
const MAX_BYTES = 100_000_000;

/**
 * Reads a JSON object, also as Python writes it, where infinity is a word. A key named `__proto__`, which means something else to those who copy the object, is refused.
 * @throws FileError for what is missing, no file, too large, or no JSON object
 */
export const readJsonObject = async (path: string): Promise<JsonObject> => {
  const text = await readText(path);
  try {
    const value: JsonValue = JSON.parse(withoutInfinity(text), refusePrototype);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    throw new FileError(path, { expected: "JSON", got: (cause as Error).message }, { cause });
  }
  throw new FileError(path, { expected: "a JSON object", got: cut(text) });
};

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys whose numbers transformers refuses unless they are written with a point, which JSON itself does not tell apart. */
const fractions =
  /^(\s*"(?:attention_dropout|dropout|initializer_factor|initializer_range|layer_norm_eps|logit_scale_init_value|rescale_factor)": -?\d+)(?=,?$)/gm;

/** As Python writes one: two spaces, keys in alphabetical order. */
export const showJson = (object: JsonObject): string => {
  const sorted = (_: string, value: unknown) =>
    isJsonObject(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return `${JSON.stringify(object, sorted, 2).replace(fractions, "$1.0")}\n`;
};

/** A pipe or a device in place of a file would be waited for, and is not opened. */
const readText = async (path: string): Promise<string> => {
  const unreadable = (cause: Error): never => {
    throw new FileError(path, { expected: "a readable JSON file", got: cause.message }, { cause });
  };
  const info = await stat(path).catch(unreadable);
  if (!info.isFile()) throw new FileError(path, { expected: "a readable JSON file", got: "no file" });
  if (info.size > MAX_BYTES)
    throw new FileError(path, { expected: `JSON of at most ${MAX_BYTES} bytes`, got: `${info.size}` });
  const file = await open(path, "r").catch(unreadable);
  try {
    return await file.readFile("utf8").catch(unreadable);
  } finally {
    await file.close();
  }
};

/** Infinity, outside of strings, as a number that is too large and is read as such. */
const withoutInfinity = (text: string): string =>
  text.includes("Infinity")
    ? text.replace(/"(?:[^"\\]|\\.)*"|\bInfinity\b/g, (part) => (part === "Infinity" ? "1e999" : part))
    : text;

const refusePrototype = (key: string, value: JsonValue): JsonValue => {
  if (key === "__proto__") throw new SyntaxError("a key named __proto__");
  return value;
};

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text || "an empty file");
