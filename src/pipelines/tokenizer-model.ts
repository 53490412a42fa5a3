import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { FileError } from "../base/index.ts";
import { type JsonObject, type JsonValue, readJsonObject } from "../formats/index.ts";

/** How bytes become tokens. */
export interface BytePairModel {
  /** Numbers of tokens; a token that ends a word ends in `</w>`. */
  readonly vocabulary: Readonly<Record<string, number>>;
  /** Pairs that become one token, the first ones first. */
  readonly merges: readonly (readonly [string, string])[];
}

/**
 * The model of a folder, by tokenizer.json where there is one, else by vocab.json and merges.txt; and the tokens that
 * tokenizer.json adds to it.
 * @throws FileError that names the file which is missing or damaged
 */
export const readBytePairModel = async (
  folder: string,
): Promise<BytePairModel & { readonly added: JsonValue }> => {
  const whole = join(folder, "tokenizer.json");
  const file = await readIfThere(whole);
  if (!file) {
    const [words, pairs] = [join(folder, "vocab.json"), join(folder, "merges.txt")];
    const vocabulary = checkedVocabulary(words, await readJsonObject(words));
    return { vocabulary, merges: checkedMerges(pairs, vocabulary, await readPairs(pairs)), added: [] };
  }
  const { type, vocab, merges } = (file.model ?? {}) as JsonObject;
  if ((type !== undefined && type !== "BPE") || !Array.isArray(merges))
    throw new FileError(whole, {
      expected: "a model of byte pairs (BPE)",
      got: JSON.stringify(type ?? null),
    });
  const vocabulary = checkedVocabulary(whole, vocab);
  const pairs = merges.map((each: JsonValue) => (typeof each === "string" ? each.split(" ") : each));
  return { vocabulary, merges: checkedMerges(whole, vocabulary, pairs), added: file.added_tokens ?? [] };
};

const readPairs = async (path: string): Promise<readonly string[][]> => {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw new FileError(path, { expected: "a readable file of merges", got: cause.message }, { cause });
  });
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#version"));
  return lines.map((line) => line.split(" "));
};

const checkedVocabulary = (path: string, value: JsonValue | undefined): Readonly<Record<string, number>> => {
  const entries = Object.entries((value ?? {}) as JsonObject);
  for (const [, id] of entries) checkedNumber(path, id);
  if (entries.length > 0 && new Set(entries.map(([, id]) => id)).size === entries.length)
    return value as Readonly<Record<string, number>>;
  throw new FileError(path, {
    expected: "a vocabulary of tokens with a number each",
    got: entries.length ? "numbers twice" : "none",
  });
};

/** @throws FileError for what is no number of a token */
export const checkedNumber = (path: string, id: JsonValue): number => {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < 2 ** 24) return id;
  throw new FileError(path, { expected: "whole numbers of tokens", got: JSON.stringify(id) });
};

/** @throws FileError for the first pair that is none, or that with what it becomes is not in the vocabulary */
const checkedMerges = (
  path: string,
  vocabulary: Readonly<Record<string, number>>,
  pairs: readonly JsonValue[],
): readonly (readonly [string, string])[] => {
  const known = (token: JsonValue | undefined) =>
    typeof token === "string" && Object.hasOwn(vocabulary, token);
  const wrong = pairs.findIndex((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return true;
    return ![...pair, pair.join("")].every(known);
  });
  if (wrong < 0) return pairs as readonly (readonly [string, string])[];
  throw new FileError(path, {
    expected: "merges of two tokens into one, all of the vocabulary",
    got: `${JSON.stringify(pairs[wrong])} as merge ${wrong + 1}`,
  });
};

/** Undefined where there is no such file. */
export const readIfThere = async (path: string): Promise<JsonObject | undefined> =>
  (await stat(path).then(
    () => true,
    () => false,
  ))
    ? readJsonObject(path)
    : undefined;
