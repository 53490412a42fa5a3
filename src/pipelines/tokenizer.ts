import { Tokenizer as BytePairs } from "@huggingface/tokenizers";
import { ArgumentError } from "../base/index.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";

/** A text in tokens. */
export interface TokenizedText {
  /** Beginning, text, end, and padding up to `maxLength`. */
  readonly ids: readonly number[];
  /** What they say of the text, in lower case and with spaces between tokens. */
  readonly kept: string;
  /** What there was no room for at the text's end; null where all is kept. */
  readonly cut: string | null;
}

/** CLIP's tokenizer: byte pairs of lower-case words (Radford et al. 2021, section 2.4). */
export interface Tokenizer {
  /** Tokens of a text with its beginning and end. */
  readonly maxLength: number;
  /** How many tokens it knows. */
  readonly size: number;
  has(token: string): boolean;
  encode(text: string): TokenizedText;
  /**
   * One that knows more tokens by their numbers; texts are split at them whatever their case.
   * @throws ArgumentError for a token or number that is known, and an empty token
   */
  add(tokens: ReadonlyMap<string, number>): Tokenizer;
}

/**
 * Opens the folder of a `CLIPTokenizer`. It gives the numbers that transformers 5.24 gives, but for letters that came
 * into Unicode with version 17.
 * @throws FileError that names the file which is missing, damaged, or of another kind of tokenizer
 */
export const openTokenizer = async (folder: string): Promise<Tokenizer> =>
  tokenizer(await readTokenizerFiles(folder));

/** How a text becomes words: transformers' `CLIPTokenizer`. */
const words = {
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "NFC" },
      { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
      { type: "Lowercase" },
    ],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: {
          Regex:
            "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
        },
        behavior: "Removed",
        invert: true,
      },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
};

const bytePairs = ({ vocabulary, merges, added, special }: TokenizerFiles): BytePairs =>
  new BytePairs(
    {
      ...words,
      added_tokens: added.map((token) => ({
        ...token,
        content: withoutFinalSigma(token.content),
        special: !token.normalized,
      })),
      model: {
        type: "BPE",
        vocab: vocabulary,
        merges,
        unk_token: special.unk,
        end_of_word_suffix: "</w>",
      },
    },
    {},
  );

/** Lower case where every letter is by itself: JavaScript writes a sigma at the end of a word in another way. */
const withoutFinalSigma = (text: string): string => text.replaceAll("Σ", "σ");

const tokenizer = (files: TokenizerFiles): Tokenizer => {
  const pairs = bytePairs(files);
  const numbers = new Map(Object.entries(files.vocabulary));
  for (const { content, id } of files.added) numbers.set(content, id);
  const [bos, eos, pad] = [files.special.bos, files.special.eos, files.special.pad].map(
    (token) => numbers.get(token) as number,
  ) as [number, number, number];
  const decode = (ids: number[]): string =>
    ids.length ? pairs.decode(ids, { clean_up_tokenization_spaces: false }).trim() : "";
  return {
    maxLength: files.maxLength,
    size: numbers.size,
    has: (token) => numbers.has(token),
    encode(text) {
      const { ids } = pairs.encode(withoutFinalSigma(text), { add_special_tokens: false });
      const room = files.maxLength - 2;
      const kept = ids.slice(0, room);
      const padding = Array<number>(room - kept.length).fill(pad);
      return {
        ids: [bos, ...kept, eos, ...padding],
        kept: decode(kept),
        cut: ids.length > room ? decode(ids.slice(room)) : null,
      };
    },
    add(tokens) {
      const taken = new Set(numbers.values());
      const isFree = ([token, id]: readonly [string, number]) => {
        const free = token !== "" && !numbers.has(token) && !taken.has(id);
        taken.add(id);
        return free;
      };
      const wrong = [...tokens].find((each) => !isFree(each));
      if (wrong)
        throw new ArgumentError({
          who: "tokenizer",
          expected: "new tokens with numbers that are free",
          got: `${JSON.stringify(wrong[0])} as ${wrong[1]}`,
        });
      const added = [...tokens].map(([content, id]) => ({ content, id, normalized: true }));
      return tokenizer({ ...files, added: [...files.added, ...added] });
    },
  };
};
