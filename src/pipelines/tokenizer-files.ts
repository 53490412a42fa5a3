import { join } from "node:path";
import { FileError } from "../base/index.ts";
import { type JsonObject, type JsonValue, readJsonObject } from "../formats/index.ts";
import { type BytePairModel, checkedNumber, readBytePairModel, readIfThere } from "./tokenizer-model.ts";

/** A token that texts are split at, before anything else is done to them or, where normalized, after they are in lower case. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly normalized: boolean;
}

/** What a tokenizer's files say. */
export interface TokenizerFiles extends BytePairModel {
  readonly added: readonly AddedToken[];
  readonly special: Readonly<Record<"bos" | "eos" | "unk" | "pad", string>>;
  /** Tokens of a text with its beginning and end. */
  readonly maxLength: number;
}

/** What CLIP has where files do not say it. */
export const MAX_LENGTH = 77;
const defaults: JsonObject = {
  bos_token: "<|startoftext|>",
  eos_token: "<|endoftext|>",
  unk_token: "<|endoftext|>",
  pad_token: "<|endoftext|>",
};
const rareTokens = ["sep_token", "cls_token", "mask_token"];
const extraTokens = ["additional_special_tokens", "extra_special_tokens"];

/**
 * Reads the folder of a `CLIPTokenizer` in either form: tokenizer.json, or vocab.json and merges.txt; with
 * tokenizer_config.json beside, and of older versions special_tokens_map.json and added_tokens.json. What counts where
 * they disagree is transformers' rule (5.24).
 * @throws FileError that names the file which is missing, damaged, or of another kind of tokenizer
 */
export const readTokenizerFiles = async (folder: string): Promise<TokenizerFiles> => {
  const path = join(folder, "tokenizer_config.json");
  const config = await readJsonObject(path);
  requireClip(path, config);
  const { added, ...model } = await readBytePairModel(folder);
  const listed = config.added_tokens_decoder;
  const map = listed ? undefined : await readIfThere(join(folder, "special_tokens_map.json"));
  const settings = { ...defaults, ...withoutNull(config), ...withoutNull(map ?? {}) };
  const token = (key: string) => specialToken(path, settings[key] as JsonValue);
  const [bos, eos, unk, pad] = ["bos_token", "eos_token", "unk_token", "pad_token"].map(token) as [
    NewToken,
    NewToken,
    NewToken,
    NewToken,
  ];
  const rare = rareTokens.filter((key) => key in settings).map(token);
  const extra = extraTokens.flatMap((key) => listOf(settings[key]).map((each) => specialToken(path, each)));
  const specials = [bos, eos, unk, pad, ...rare, ...extra];
  const known = listed
    ? listedTokens(path, listed)
    : [
        ...(await readAddedTokens(folder, new Set(specials.map(({ content }) => content)))),
        ...listedTokens(join(folder, "tokenizer.json"), added),
      ];
  return {
    ...model,
    added: numbered(path, model.vocabulary, known, specials),
    special: { bos: bos.content, eos: eos.content, unk: unk.content, pad: pad.content },
    maxLength: maxLengthOf(path, settings.model_max_length),
  };
};

const requireClip = (path: string, { tokenizer_class: kind = "CLIPTokenizer" }: JsonObject): void => {
  if (kind === "CLIPTokenizer" || kind === "CLIPTokenizerFast") return;
  throw new FileError(path, { expected: "the tokenizer_class CLIPTokenizer", got: JSON.stringify(kind) });
};

const withoutNull = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
const listOf = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);

/** 1e30 is how transformers says that there is no limit. */
const maxLengthOf = (path: string, value: JsonValue | undefined): number => {
  if (value === undefined || (typeof value === "number" && value >= 1e9)) return MAX_LENGTH;
  if (typeof value === "number" && Number.isInteger(value) && value > 2) return value;
  throw new FileError(path, { expected: "a model_max_length above 2", got: JSON.stringify(value) });
};

interface NewToken {
  readonly content: string;
  readonly normalized: boolean;
}

/** A token as text alone is looked for as it is written. */
const specialToken = (path: string, value: JsonValue): NewToken => {
  if (typeof value === "string" && value !== "") return { content: value, normalized: false };
  const { content, normalized } = (value ?? {}) as JsonObject;
  if (typeof content === "string" && content !== "") return { content, normalized: normalized === true };
  throw new FileError(path, { expected: "tokens with a content", got: JSON.stringify(value) });
};

/** Of the entries of `added_tokens_decoder`, or of a list with numbers inside. */
const listedTokens = (path: string, value: JsonValue): AddedToken[] => {
  const entries: (readonly [number, JsonValue])[] = Array.isArray(value)
    ? value.map((each: JsonValue) => [Number((each as JsonObject | null)?.id), each])
    : Object.entries((value ?? {}) as JsonObject).map(([id, each]) => [Number(id), each]);
  return entries
    .map(([id, each]) => ({ ...specialToken(path, each), id: checkedNumber(path, id) }))
    .sort((a, b) => a.id - b.id);
};

/** Of added_tokens.json, which knows numbers alone: those that are not special are looked for in lower case. */
const readAddedTokens = async (folder: string, special: ReadonlySet<string>): Promise<AddedToken[]> => {
  const path = join(folder, "added_tokens.json");
  const found = (await readIfThere(path)) ?? {};
  return Object.entries(found).map(([content, id]) => ({
    content,
    id: checkedNumber(path, id),
    normalized: !special.has(content),
  }));
};

/** The added tokens and the special ones that are not among them, each with the vocabulary's number or the next. */
const numbered = (
  path: string,
  vocabulary: Readonly<Record<string, number>>,
  added: readonly AddedToken[],
  specials: readonly NewToken[],
): AddedToken[] => {
  const known = new Map<string, AddedToken>(added.map((token) => [token.content, token]));
  const fixed = new Set(known.keys());
  const numbers = [...Object.values(vocabulary), ...added.map(({ id }) => id)];
  let next = numbers.reduce((most, id) => Math.max(most, id), -1) + 1;
  for (const token of added) {
    const own = vocabulary[token.content];
    if (own === undefined || own === token.id) continue;
    throw new FileError(path, { expected: `the number ${own} for ${token.content}`, got: String(token.id) });
  }
  for (const token of specials) {
    if (fixed.has(token.content)) continue;
    const id = known.get(token.content)?.id ?? vocabulary[token.content] ?? next++;
    known.set(token.content, { ...token, id }); // of one token under several names the last counts
  }
  return [...known.values()];
};
