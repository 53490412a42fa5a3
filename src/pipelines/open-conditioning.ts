import { ArgumentError, type NDArray } from "../base/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { type Asked, byPicture, byText, byTwoTexts, type Conditioned } from "./conditioning.ts";
import type { Family } from "./families.ts";
import { openImageProcessor } from "./image-processor.ts";
import { applyLoras, type WeightedLora } from "./lora.ts";
import { openPart } from "./model-kinds.ts";
import { openNetwork } from "./network.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { PictureRequest } from "./request.ts";
import { openTextEncoder, type StatesOf, type TextEncoder } from "./text-encoder.ts";
import {
  addTokens,
  expandTokens,
  readTextualInversion,
  type TextualInversionOptions,
} from "./textual-inversion.ts";
import { openTokenizer, type Tokenizer } from "./tokenizer.ts";

/** What tells the network of what pictures are of. */
interface Conditioning {
  of(request: PictureRequest, place: Pick<Asked, "guided" | "width" | "height">): Promise<Conditioned>;
  close(): Promise<void>;
}

/** A file of a textual inversion. */
export interface WordFile extends Pick<TextualInversionOptions, "name" | "token"> {
  readonly bytes: Uint8Array;
}

/** What is added to a checkpoint. */
export interface Additions {
  /** Laid over the weights of the network and the text encoders, all at once. */
  readonly loras?: readonly WeightedLora[];
  /** Words that the text encoders learn. */
  readonly words?: readonly WordFile[];
}

type Options = EvaluateOptions & Additions;

/** Opens what a family of pipelines is told by. @throws FileError for parts that are missing or damaged */
export const openConditioning = async (
  { conditioning }: Family,
  source: PipelineSource,
  options: Options,
): Promise<Conditioning> => {
  const { className, settings } = source;
  if (conditioning === "picture") return openPicture(source, options);
  const open = (suffix: "" | "_2", statesOf: StatesOf) => openText(source, { suffix, statesOf }, options);
  const first = await open("", conditioning === "text" ? "last" : "penultimate");
  const asked = (
    { prompt, negative, clipSkip }: PictureRequest,
    place: Pick<Asked, "guided" | "width" | "height">,
  ): Asked => {
    if (prompt === undefined) throw new ArgumentError({ who: className, expected: "a prompt", got: "none" });
    return { prompt, negative, clipSkip, ...place };
  };
  if (conditioning === "text")
    return { of: (request, place) => byText(first, asked(request, place)), close: () => first.close() };
  const second = await open("_2", "penultimate");
  const emptyIsZero = settings.force_zeros_for_empty_prompt !== false;
  return {
    of: (request, place) => byTwoTexts([first, second], emptyIsZero, asked(request, place)),
    async close() {
      await first.close();
      await second.close();
    },
  };
};

/** A tokenizer that knows new words, of which those of several vectors stand for several tokens. */
const withWords = (tokenizer: Tokenizer, tokens: ReadonlyMap<string, number>): Tokenizer => {
  if (tokens.size === 0) return tokenizer;
  const taught = tokenizer.add(tokens);
  return { ...taught, encode: (text) => taught.encode(expandTokens(text, tokens)) };
};

const openText = async (
  source: PipelineSource,
  { suffix, statesOf }: { readonly suffix: "" | "_2"; readonly statesOf: StatesOf },
  options: Options,
): Promise<TextEncoder> => {
  const name = `text_encoder${suffix}` as const;
  const encoder = await source.component(name);
  const { folder } = await source.component(`tokenizer${suffix}`);
  const { loras = [], words = [] } = options;
  const plain = await openTokenizer(folder);
  const inversions = words.map(({ bytes, ...about }) =>
    readTextualInversion(bytes, { ...about, part: name }),
  );
  let tokenizer = plain;
  const { module } = await openPart(name, encoder, async (weights) => {
    const learned = addTokens(weights, inversions, plain);
    tokenizer = withWords(plain, learned.tokens);
    return new Map([...learned.weights, ...(await applyLoras(weights, loras, name))]);
  });
  return openTextEncoder(module, tokenizer, statesOf, options);
};

const openPicture = async (source: PipelineSource, options: Options): Promise<Conditioning> => {
  const { module } = await openPart("image_encoder", await source.component("image_encoder"));
  const processor = await openImageProcessor((await source.component("feature_extractor")).folder);
  const network = openNetwork(
    module,
    ({ pixels }) => ({ embeddings: module.forward(pixels as Tensor).imageEmbeds }),
    options,
  );
  return {
    async of({ source }, { guided }) {
      if (source?.kind !== "variation")
        throw new ArgumentError({ who: "variation", expected: "a picture", got: source?.kind ?? "none" });
      const { embeddings } = await network.run({ pixels: processor(source.image) });
      return byPicture(embeddings as NDArray, guided);
    },
    close: () => network.close(),
  };
};
