import type { z } from "zod";
import { FileError } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import {
  attentionTensorName,
  autoencoderKl,
  autoencoderKlSchema,
  autoencoderTiny,
  autoencoderTinySchema,
  type ClipTextConfig,
  clipTensorName,
  clipTextModel,
  clipTextModelWithProjection,
  clipTextSchema,
  clipVisionModelWithProjection,
  clipVisionSchema,
  priorTransformer,
  priorTransformerSchema,
  unet2d,
  unet2dCondition,
  unet2dConditionSchema,
  unet2dSchema,
  vqModel,
  vqModelSchema,
} from "../models/index.ts";
import { type Change, type ModelKind, openModel, ownConfig } from "./open-model.ts";

/** The table of a text encoder's tokens, which textual inversion makes longer. */
const TOKENS = "text_model.embeddings.token_embedding.weight";

const text = {
  schema: clipTextSchema,
  rename: (name: string) => clipTensorName("text_model", name),
  fitted: (config: ClipTextConfig, tensors: Parameters<Change>[0]): ClipTextConfig => ({
    ...config,
    vocab_size: tensors.get(TOKENS)?.shape[0] ?? config.vocab_size,
  }),
};

/** The networks that open, by diffusers' and transformers' classes. */
export const modelKinds = {
  UNet2DConditionModel: { schema: unet2dConditionSchema, build: unet2dCondition },
  UNet2DModel: { schema: unet2dSchema, build: unet2d, rename: attentionTensorName },
  AutoencoderKL: { schema: autoencoderKlSchema, build: autoencoderKl, rename: attentionTensorName },
  AutoencoderTiny: { schema: autoencoderTinySchema, build: autoencoderTiny },
  VQModel: { schema: vqModelSchema, build: vqModel, rename: attentionTensorName },
  CLIPTextModel: { ...text, build: clipTextModel },
  CLIPTextModelWithProjection: { ...text, build: clipTextModelWithProjection },
  CLIPVisionModelWithProjection: {
    schema: clipVisionSchema,
    build: clipVisionModelWithProjection,
    rename: (name: string) => clipTensorName("vision_model", name),
  },
  PriorTransformer: { schema: priorTransformerSchema, build: priorTransformer },
} as const;
export type ModelClass = keyof typeof modelKinds;

const texts = ["CLIPTextModel", "CLIPTextModelWithProjection"] as const;

/** The classes that parts of Stable Diffusion's pipelines may be of, by the parts' names. */
export const partClasses = {
  unet: ["UNet2DConditionModel"],
  vae: ["AutoencoderKL", "AutoencoderTiny", "VQModel"],
  text_encoder: texts,
  text_encoder_2: texts,
  image_encoder: ["CLIPVisionModelWithProjection"],
} as const satisfies Readonly<Record<string, readonly ModelClass[]>>;

type Kinds = typeof modelKinds;
/** A part of one of these classes: its configuration, and the module with its weights. */
type Opened<C extends ModelClass> = {
  readonly [K in C]: {
    readonly config: z.output<Kinds[K]["schema"]>;
    readonly module: ReturnType<Kinds[K]["build"]>;
  };
}[C];

type PartName = keyof typeof partClasses;
type Part<P extends PartName> = Opened<(typeof partClasses)[P][number]>;

/**
 * Opens a part of a pipeline with its weights, changed by what is laid over them.
 * @throws FileError for a part of another class, and as `openModel` does
 */
export const openPart = async <P extends PartName>(
  name: P,
  component: Component,
  change?: Change,
): Promise<Part<P>> => (await openModel(await kindOf(name, component), component, change)) as Part<P>;

/** What a part's configuration says; its weights are left alone. @throws FileError for a part of another class */
export const partConfig = async <P extends PartName>(
  name: P,
  component: Component,
): Promise<Part<P>["config"]> => {
  const kind = await kindOf(name, component);
  await component.weights?.close();
  return ownConfig(kind, component) as Part<P>["config"];
};

/** Which of a part's classes it is, and so of which type, is known only when its files are seen. */
const kindOf = async (
  name: PartName,
  { className, folder, weights }: Component,
): Promise<ModelKind<z.ZodType, object>> => {
  const wanted: readonly string[] = partClasses[name];
  if (wanted.includes(className)) return modelKinds[className as ModelClass] as ModelKind<z.ZodType, object>;
  await weights?.close();
  throw new FileError(folder, { expected: wanted.join(" or "), got: className });
};
