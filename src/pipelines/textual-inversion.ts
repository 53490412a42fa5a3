import { ArgumentError, FileError, NDArray, ShapeError, showShape } from "../base/index.ts";
import { readSafetensors } from "../formats/index.ts";

/** What a new word means to a text encoder (Gal et al. 2022): its embeddings, [v, width]. */
export interface TextualInversion {
  readonly token: string;
  readonly vectors: NDArray;
}

/** The text encoders of a pipeline that a word may be for. */
export type TextEncoderPart = "text_encoder" | "text_encoder_2";

export interface TextualInversionOptions {
  /** The file's name, which also names the word where the file does not. */
  readonly name: string;
  /** The word in prompts, in place of the file's own. */
  readonly token?: string;
  /** For which of XL's encoders, where a file has words for both. */
  readonly part?: TextEncoderPart;
}

/**
 * Reads a safetensors file of a textual inversion.
 * @throws FileError for a file of another kind, and as {@link textualInversion}
 */
export const readTextualInversion = (
  bytes: Uint8Array,
  options: TextualInversionOptions,
): TextualInversion => {
  if (isPickle(bytes))
    throw new FileError(options.name, {
      expected: "a safetensors file",
      got: "a pickle, which may run any program when it is read",
      hint: "where you trust it, torch.load(file, weights_only=True) in Python and safetensors.torch.save_file({token: embedding}, …)",
    });
  return textualInversion(readSafetensors(bytes, options.name).tensors, options);
};

/** torch.save writes a ZIP file, and earlier a pickle of protocol 2. */
const isPickle = ([first, second, third, fourth]: Uint8Array): boolean =>
  (first === 0x50 && second === 0x4b && third === 0x03 && fourth === 0x04) ||
  (first === 0x80 && second === 0x02);

/** Names of the tensor of each encoder in files for both. */
const partNames: Readonly<Record<TextEncoderPart, string>> = {
  text_encoder: "clip_l",
  text_encoder_2: "clip_g",
};
/** The name in files that leave the word to the file's name. */
const NAMELESS = "emb_params";

/**
 * A textual inversion from the tensors of a file: one [width] or [vectors, width] that is named as the word, or
 * `emb_params`; or `clip_l` and `clip_g` for the encoders of XL.
 * @throws FileError for other tensors, and numbers that are not finite
 */
export const textualInversion = (
  tensors: ReadonlyMap<string, NDArray>,
  { name, token, part = "text_encoder" }: TextualInversionOptions,
): TextualInversion => {
  const own = partNames[part];
  const named = tensors.has("clip_l") || tensors.has("clip_g");
  const [key, array] = named ? [own, tensors.get(own)] : ([...tensors][0] ?? []);
  if (!array || key === undefined || (!named && tensors.size !== 1))
    throw new FileError(name, {
      expected: named ? own : "one tensor, or clip_l and clip_g",
      got: [...tensors.keys()].join(", ") || "none",
    });
  const width = array.shape.at(-1) ?? 0;
  if (![1, 2].includes(array.shape.length) || array.size === 0)
    throw new FileError(name, {
      expected: "an embedding [width] or [vectors, width]",
      got: showShape(array.shape),
    });
  if (!array.isFinite()) throw new FileError(name, { expected: "finite embeddings", got: "NaN or infinity" });
  const word = token ?? (named || key === NAMELESS ? stem(name) : key);
  return { token: checkedToken(word, name), vectors: array.cast("float32").reshape([-1, width]) };
};

const stem = (name: string): string => (name.split(/[\\/]/).at(-1) ?? "").replace(/\.[^.]*$/, "");

const checkedToken = (token: string, name: string): string => {
  if (token !== "" && !/\s/.test(token)) return token;
  throw new FileError(name, {
    expected: "a word without spaces that stands for it in prompts",
    got: JSON.stringify(token),
    hint: "give it a token of your own",
  });
};

/** Words of one token each: of several vectors the first bears the word's own name, the next a number from 1. */
export const tokensOf = ({ token, vectors }: TextualInversion): readonly string[] =>
  Array.from({ length: vectors.shape[0] as number }, (_, i) => (i === 0 ? token : `${token}_${i}`));

/** A text encoder that knows new words. */
export interface WithTokens {
  /** The tensors that changed: the table of embeddings, longer. */
  readonly weights: Map<string, NDArray>;
  /** Numbers of the new tokens, behind those that were there. */
  readonly tokens: ReadonlyMap<string, number>;
}

/**
 * Appends words to the table of a text encoder.
 * @param weights its tensors by transformers' names @param vocabulary the tokens that its tokenizer knows
 * @throws ShapeError that names both widths for words of another base; ArgumentError for words that are known
 */
export const addTokens = (
  weights: ReadonlyMap<string, NDArray>,
  inversions: readonly TextualInversion[],
  vocabulary: { has(token: string): boolean } = new Set(),
): WithTokens => {
  const [name, table] = tableOf(weights);
  const tokens = new Map<string, number>();
  for (const inversion of inversions) {
    checkWidth(inversion, table);
    for (const token of tokensOf(inversion)) {
      if (tokens.has(token) || vocabulary.has(token))
        throw new ArgumentError({
          who: `textual inversion ${inversion.token}`,
          expected: "a word that is not known yet",
          got: token,
          hint: "give it a token of your own",
        });
      tokens.set(token, (table.shape[0] as number) + tokens.size);
    }
  }
  const longer = NDArray.concat([table, ...inversions.map(({ vectors }) => vectors)]);
  return { weights: new Map(inversions.length ? [[name, longer]] : []), tokens };
};

const tableOf = (weights: ReadonlyMap<string, NDArray>): readonly [string, NDArray] => {
  const found = [...weights].find(([name]) => name.endsWith("embeddings.token_embedding.weight"));
  if (found) return found;
  throw new ArgumentError({
    who: "addTokens",
    expected: "a text encoder's weights, with embeddings.token_embedding.weight",
    got: [...weights.keys()].slice(0, 3).join(", ") || "none",
  });
};

/** Bases by the width of their text encoders. */
const bases: Readonly<Record<number, string>> = {
  768: "Stable Diffusion 1.x, or the first encoder of XL",
  1024: "Stable Diffusion 2.x",
  1280: "the second encoder of Stable Diffusion XL",
};

/** Which text encoders have embeddings of this width. */
export const textualInversionBase = (width: number): string | undefined => bases[width];

const checkWidth = ({ token, vectors }: TextualInversion, table: NDArray): void => {
  const [wanted, got] = [table.shape[1] as number, vectors.shape[1] as number];
  if (wanted === got) return;
  const base = textualInversionBase(got);
  throw new ShapeError({
    who: `textual inversion ${token}`,
    expected: `embeddings of width ${wanted}, as the text encoder has`,
    got: `${got}`,
    hint: `it was made for another base${base ? `: ${base}` : ""}`,
  });
};

/**
 * A prompt in which every word of several vectors is followed by its other tokens, as diffusers writes it: `<cat>` with
 * three vectors becomes `<cat> <cat>_1 <cat>_2`. Of words that begin alike the longest counts.
 */
export const expandTokens = (prompt: string, tokens: { keys(): Iterable<string> }): string => {
  const known = new Set(tokens.keys());
  if (known.size === 0) return prompt;
  const longestFirst = [...known].sort((a, b) => b.length - a.length);
  const anyOf = new RegExp(
    longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"),
    "g",
  );
  return prompt.replace(anyOf, (token) => {
    const all = [token];
    while (known.has(`${token}_${all.length}`)) all.push(`${token}_${all.length}`);
    return all.join(" ");
  });
};
