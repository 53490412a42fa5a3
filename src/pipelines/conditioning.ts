import { NDArray } from "../base/index.ts";
import type { Conditions } from "./conditions.ts";
import type { EncodedText, TextEncoder } from "./text-encoder.ts";

/** What pictures are asked to be of. */
export interface Asked {
  readonly prompt: string;
  readonly negative: string | undefined;
  /** Whether anything guides, and so whether it must be known what to lead away from. */
  readonly guided: boolean;
  readonly clipSkip: number | undefined;
  readonly width: number;
  readonly height: number;
}

/** What the network is told of one picture, and of what it is led away from. */
export interface Conditioned {
  readonly wanted: Conditions;
  readonly others: Conditions | null;
  /** What texts were cut by, where they are too long. */
  readonly cut: readonly string[];
}

const cutOf = (texts: readonly (EncodedText | null)[]): string[] => [
  ...new Set(texts.flatMap((text) => text?.cut ?? [])),
];

/** One text encoder's states (Rombach et al. 2022). The layers left out are the prompt's alone, as in diffusers. */
export const byText = async (
  encoder: TextEncoder,
  { prompt, negative = "", guided, clipSkip }: Asked,
): Promise<Conditioned> => {
  const wanted = await encoder.encode(prompt, clipSkip);
  const others = guided ? await encoder.encode(negative) : null;
  return {
    wanted: { states: wanted.states },
    others: others && { states: others.states },
    cut: cutOf([wanted, others]),
  };
};

/**
 * The states of two encoders side by side, the second one's embedding of the whole text, and sizes: of the picture that
 * a crop was made from, where it was cut, and of the crop (Podell et al. 2023, section 2.2), here all of one picture.
 * @param emptyIsZero whether nothing to lead away from is zeros, and not an empty text
 */
export const byTwoTexts = async (
  [first, second]: readonly [TextEncoder, TextEncoder],
  emptyIsZero: boolean,
  { prompt, negative, guided, clipSkip, width, height }: Asked,
): Promise<Conditioned> => {
  const timeIds = NDArray.of([height, width, 0, 0, height, width], [1, 6]);
  const encoded = async (text: string) => {
    const [a, b] = [await first.encode(text, clipSkip), await second.encode(text, clipSkip)];
    const conditions = { states: sideBySide(a.states, b.states), textEmbeds: b.pooled as NDArray, timeIds };
    return { conditions, cut: cutOf([a, b]) };
  };
  const wanted = await encoded(prompt);
  if (!guided) return { wanted: wanted.conditions, others: null, cut: wanted.cut };
  if (negative === undefined && emptyIsZero) {
    const { states, textEmbeds } = wanted.conditions;
    const others = { states: states.mul(0), textEmbeds: textEmbeds.mul(0), timeIds };
    return { wanted: wanted.conditions, others, cut: wanted.cut };
  }
  const others = await encoded(negative ?? "");
  return {
    wanted: wanted.conditions,
    others: others.conditions,
    cut: [...new Set([...wanted.cut, ...others.cut])],
  };
};

/** A picture's embedding [1, width] in place of a text's states; zeros to lead away from. */
export const byPicture = (embedding: NDArray, guided: boolean): Conditioned => {
  const states = embedding.reshape([1, 1, -1]);
  return { wanted: { states }, others: guided ? { states: states.mul(0) } : null, cut: [] };
};

/** [1, tokens, a] and [1, tokens, b] as [1, tokens, a + b]. */
const sideBySide = (a: NDArray, b: NDArray): NDArray =>
  NDArray.concat([a, b].map((each) => each.transpose([2, 0, 1]))).transpose([1, 2, 0]);
