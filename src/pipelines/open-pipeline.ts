import type { z } from "zod";
import { ArgumentError, FileError, type NDArray } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import {
  type AutoencoderKl,
  type AutoencoderTiny,
  attentionTensorName,
  autoencoderKl,
  autoencoderKlSchema,
  autoencoderTiny,
  autoencoderTinySchema,
  clipTensorName,
  clipTextModel,
  clipTextModelWithProjection,
  clipTextSchema,
  clipVisionModelWithProjection,
  clipVisionSchema,
  unet2dCondition,
  unet2dConditionSchema,
  type VQModel,
  vqModel,
  vqModelSchema,
} from "../models/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { type Asked, byPicture, byText, byTwoTexts, type Conditioned } from "./conditioning.ts";
import { type Family, familyOf, sourcesOf } from "./families.ts";
import { type Generation, generation } from "./generation.ts";
import { openImageProcessor } from "./image-processor.ts";
import { openLatentCodec } from "./latent-codec.ts";
import { applyLoras, loraParts, type WeightedLora } from "./lora.ts";
import { loraBase } from "./lora-base.ts";
import { openNetwork } from "./network.ts";
import { openModel } from "./open-model.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { PictureRequest } from "./request.ts";
import { lowResLevels, schedulerFor } from "./scheduling.ts";
import type { SourceKind } from "./source.ts";
import { openTextEncoder, type StatesOf, type TextEncoder } from "./text-encoder.ts";
import {
  addTokens,
  expandTokens,
  readTextualInversion,
  type TextualInversionOptions,
} from "./textual-inversion.ts";
import { openTokenizer, type Tokenizer } from "./tokenizer.ts";

/** A published checkpoint, ready to make pictures. Close it to end its sessions. */
export interface Pipeline {
  /** diffusers' name of its kind. */
  readonly className: string;
  /** What it begins with; "none" stands for noise alone. */
  readonly sources: readonly (SourceKind | "none")[];
  /** Of the pictures that it was trained to make, in pixels, and what sides are multiples of. */
  readonly size: { readonly width: number; readonly height: number; readonly multiple: number };
  /**
   * Encodes what is asked for and begins.
   * @throws ArgumentError for what this model cannot begin with, or sizes that latents do not fill
   */
  generate(request: PictureRequest): Promise<Generation & { readonly cut: readonly string[] }>;
  close(): Promise<void>;
}

/** A file of a textual inversion. */
export interface WordFile extends Pick<TextualInversionOptions, "name" | "token"> {
  readonly bytes: Uint8Array;
}

export interface PipelineOptions extends EvaluateOptions {
  /** Laid over the weights of the network and the text encoders, all at once. */
  readonly loras?: readonly WeightedLora[];
  /** Words that the text encoders learn. */
  readonly words?: readonly WordFile[];
}

/**
 * Opens a pipeline's parts: of a folder, see `folderSource`.
 * @throws FileError for what is missing or damaged, ArgumentError for a pipeline or class that is not supported
 */
export const openPipeline = async (
  parts: PipelineSource,
  options: PipelineOptions = {},
): Promise<Pipeline> => {
  const { className } = parts;
  const family = familyOf(className, parts.name);
  const component = (name: string) => parts.component(name);
  const { loras = [] } = options;
  requireParts(loras, family);

  const unet = await openModel(
    unetKind,
    requireClass(await component("unet"), "UNet2DConditionModel"),
    (weights) => applyLoras(weights, loras, "unet"),
  );
  const codec = openLatentCodec(await openAutoencoder(await component("vae")), options);
  const sources = sourcesOf(family, { seen: unet.config.in_channels, latent: codec.channels });
  const conditioning = await openConditioning(family, parts, { component, options });
  const scheduler = configOf(await component("scheduler"));
  const lowRes = sources.includes("upscale")
    ? lowResLevels(configOf(await component("low_res_scheduler")), numberIn(parts, "max_noise_level"))
    : null;
  const network = openNetwork(
    unet.module,
    ({ sample, timestep, ...inputs }) => ({
      output: unet.module.forward(sample as Tensor, timestep as Tensor, inputs as never),
    }),
    options,
  );
  const size = sizeOf(unet.config.sample_size, codec.factor);

  return {
    className,
    sources,
    size,
    async generate(request) {
      const { source, seed = 0, count = 1 } = request;
      const kind = source?.kind ?? "none";
      if (!sources.includes(kind))
        throw new ArgumentError({
          who: className,
          expected: `${sources.map(sourceWords).join(" or ")} to begin with`,
          got: sourceWords(kind),
        });
      const { width, height } = chosenSize(request, size, codec.factor);
      const told = unet.config.time_cond_proj_dim;
      // Networks that are told how far to exaggerate do it themselves.
      const { guidance = family.guidance } = request;
      const guided = told === null && guidance !== 1;
      const { wanted, others, cut } = await conditioning.of(request, { guided, width, height });
      const steps = request.steps ?? family.steps;
      const begun = await generation(
        {
          run: async (feeds) => (await network.run(feeds)).output as NDArray,
          codec,
          scheduler: schedulerFor(scheduler, family, { steps, scheduling: request.scheduling }),
          lowRes,
          wanted,
          others,
          inChannels: unet.config.in_channels,
          guidanceWidth: told,
        },
        { ...request, seed, count, width, height, guidance },
      );
      return { ...begun, cut };
    },
    async close() {
      await network.close();
      await codec.close();
      await conditioning.close();
    },
  };
};

/** Of a scheduler; its class is the one that `model_index.json` names, as in Python, whatever its own file says. */
const configOf = ({ className, config }: Component) => ({ ...config, _class_name: className });

/** The autoencoders by their classes. */
const autoencoderKinds = {
  AutoencoderKL: { schema: autoencoderKlSchema, build: autoencoderKl, rename: attentionTensorName },
  AutoencoderTiny: { schema: autoencoderTinySchema, build: autoencoderTiny },
  VQModel: { schema: vqModelSchema, build: vqModel, rename: attentionTensorName },
} as const;

const openAutoencoder = async (component: Component): Promise<AutoencoderKl | AutoencoderTiny | VQModel> => {
  const { className } = requireClass(component, ...Object.keys(autoencoderKinds));
  const kind = autoencoderKinds[className as keyof typeof autoencoderKinds];
  return (await openModel<z.ZodType, AutoencoderKl | AutoencoderTiny | VQModel>(kind as never, component))
    .module;
};

/** @throws ArgumentError for a LoRA of networks that the pipeline does not have */
const requireParts = (loras: readonly WeightedLora[], { conditioning }: Family): void => {
  const texts = { text: ["text_encoder"], "two texts": ["text_encoder", "text_encoder_2"], picture: [] };
  const own: readonly string[] = ["unet", ...texts[conditioning]];
  for (const lora of loras) {
    const other = loraParts(lora).find((part) => !own.includes(part));
    if (other)
      throw new ArgumentError({
        who: lora.name ?? "LoRA",
        expected: `layers of ${own.join(", ")}`,
        got: `layers of ${other}`,
        hint: `it seems to be made for ${loraBase(lora) ?? "another base"}`,
      });
  }
};

const unetKind = { schema: unet2dConditionSchema, build: unet2dCondition };

/** @throws FileError for a component of another class */
const requireClass = (component: Component, ...wanted: readonly string[]): Component => {
  if (wanted.includes(component.className)) return component;
  throw new FileError(component.folder, { expected: wanted.join(" or "), got: component.className });
};

const numberIn = ({ settings }: PipelineSource, key: string): number | null => {
  const value = settings[key];
  return typeof value === "number" ? value : null;
};

/** What tells the network of what pictures are of. */
interface Conditioning {
  of(request: PictureRequest, place: Pick<Asked, "guided" | "width" | "height">): Promise<Conditioned>;
  close(): Promise<void>;
}

interface Openers {
  readonly component: (name: string) => Promise<Component>;
  readonly options: PipelineOptions;
}

const openConditioning = async (
  { conditioning }: Family,
  { className, settings }: PipelineSource,
  openers: Openers,
): Promise<Conditioning> => {
  if (conditioning === "picture") return openPicture(openers);
  const first = await openText("", conditioning === "text" ? "last" : "penultimate", openers);
  const asked = (
    { prompt, negative, clipSkip }: PictureRequest,
    place: Pick<Asked, "guided" | "width" | "height">,
  ): Asked => {
    if (prompt === undefined) throw new ArgumentError({ who: className, expected: "a prompt", got: "none" });
    return { prompt, negative, clipSkip, ...place };
  };
  if (conditioning === "text")
    return { of: (request, place) => byText(first, asked(request, place)), close: () => first.close() };
  const second = await openText("_2", "penultimate", openers);
  const emptyIsZero = settings.force_zeros_for_empty_prompt !== false;
  return {
    of: (request, place) => byTwoTexts([first, second], emptyIsZero, asked(request, place)),
    async close() {
      await first.close();
      await second.close();
    },
  };
};

/** The table of a text encoder's tokens. */
const TOKENS = "text_model.embeddings.token_embedding.weight";

/** A tokenizer that knows new words, of which those of several vectors stand for several tokens. */
const withWords = (tokenizer: Tokenizer, tokens: ReadonlyMap<string, number>): Tokenizer => {
  if (tokens.size === 0) return tokenizer;
  const taught = tokenizer.add(tokens);
  return { ...taught, encode: (text) => taught.encode(expandTokens(text, tokens)) };
};

const textKinds = {
  CLIPTextModel: clipTextModel,
  CLIPTextModelWithProjection: clipTextModelWithProjection,
} as const;

const openText = async (
  suffix: "" | "_2",
  statesOf: StatesOf,
  { component, options }: Openers,
): Promise<TextEncoder> => {
  const name = `text_encoder${suffix}` as const;
  const encoder = requireClass(await component(name), ...Object.keys(textKinds));
  const { folder } = await component(`tokenizer${suffix}`);
  const { loras = [], words = [] } = options;
  const plain = await openTokenizer(folder);
  const inversions = words.map(({ bytes, ...about }) =>
    readTextualInversion(bytes, { ...about, part: name }),
  );
  let tokenizer = plain;
  const { module } = await openModel(
    {
      schema: clipTextSchema,
      build: textKinds[encoder.className as keyof typeof textKinds],
      rename: (tensor) => clipTensorName("text_model", tensor),
      fitted: (config, tensors) => ({
        ...config,
        vocab_size: tensors.get(TOKENS)?.shape[0] ?? config.vocab_size,
      }),
    },
    encoder,
    async (weights) => {
      const learned = addTokens(weights, inversions, plain);
      tokenizer = withWords(plain, learned.tokens);
      return new Map([...learned.weights, ...(await applyLoras(weights, loras, name))]);
    },
  );
  return openTextEncoder(module, tokenizer, statesOf, options);
};

const openPicture = async ({ component, options }: Openers): Promise<Conditioning> => {
  const encoder = requireClass(await component("image_encoder"), "CLIPVisionModelWithProjection");
  const { module } = await openModel(
    {
      schema: clipVisionSchema,
      build: clipVisionModelWithProjection,
      rename: (tensor) => clipTensorName("vision_model", tensor),
    },
    encoder,
  );
  const processor = await openImageProcessor((await component("feature_extractor")).folder);
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

const sizeOf = (sample: number | readonly number[] | null, multiple: number): Pipeline["size"] => {
  const [height, width] = typeof sample === "number" ? [sample, sample] : (sample ?? [64, 64]);
  return { width: (width as number) * multiple, height: (height as number) * multiple, multiple };
};

/** That of the picture to begin with, or what is asked for. @throws ArgumentError for what latents do not fill */
const chosenSize = (
  { width, height, source }: PictureRequest,
  own: Pipeline["size"],
  factor: number,
): { readonly width: number; readonly height: number } => {
  const [, , rows, columns] =
    source && source.kind !== "variation"
      ? source.image.shape.map((n) => (source.kind === "upscale" ? n * factor : n))
      : [];
  const chosen = { width: width ?? columns ?? own.width, height: height ?? rows ?? own.height };
  for (const [side, pixels] of Object.entries(chosen)) {
    if (!(pixels > 0 && pixels % factor === 0))
      throw new ArgumentError({
        who: side,
        expected: `a multiple of ${factor} pixels`,
        got: String(pixels),
        hint: `take ${Math.max(factor, Math.round(pixels / factor) * factor)}`,
      });
  }
  if ((rows ?? chosen.height) !== chosen.height || (columns ?? chosen.width) !== chosen.width)
    throw new ArgumentError({
      who: "picture",
      expected: `${chosen.width}×${chosen.height} pixels, as asked for`,
      got: `${columns}×${rows}`,
    });
  return chosen;
};

const sourceWords = (kind: SourceKind | "none"): string =>
  ({
    none: "nothing",
    image: "a picture",
    inpaint: "a picture and a mask",
    upscale: "a small picture to enlarge",
    variation: "a picture to vary",
  })[kind];
