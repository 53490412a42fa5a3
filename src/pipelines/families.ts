import { ArgumentError } from "../base/index.ts";
import type { SourceKind } from "./source.ts";

/** What pipelines of diffusers' with one name have in common. */
export interface Family {
  /** What stands for the pictures: one text encoder, two of them, or a picture's. */
  readonly conditioning: "text" | "two texts" | "picture";
  /** When nothing else is asked for. */
  readonly steps: number;
  readonly guidance: number;
  /** Whether diffusers turns off clipping and sets an offset of 1 where the scheduler's file says otherwise. */
  readonly mendsScheduler: boolean;
}

const stable: Family = { conditioning: "text", steps: 50, guidance: 7.5, mendsScheduler: true };
const xl: Family = { conditioning: "two texts", steps: 50, guidance: 5, mendsScheduler: false };
const consistency: Family = { ...stable, steps: 4, guidance: 8.5, mendsScheduler: false };

/** The pipelines that open, by diffusers' names. What they can do follows from the channels that the network sees. */
const families: Readonly<Record<string, Family>> = {
  StableDiffusionPipeline: stable,
  StableDiffusionImg2ImgPipeline: stable,
  StableDiffusionInpaintPipeline: stable,
  StableDiffusionInpaintPipelineLegacy: stable,
  StableDiffusionUpscalePipeline: { ...stable, steps: 75, guidance: 9, mendsScheduler: false },
  StableDiffusionImageVariationPipeline: { ...stable, conditioning: "picture" },
  LatentConsistencyModelPipeline: consistency,
  LatentConsistencyModelImg2ImgPipeline: consistency,
  StableDiffusionXLPipeline: xl,
  StableDiffusionXLImg2ImgPipeline: xl,
  StableDiffusionXLInpaintPipeline: xl,
};

/** The parts that tell the network of what pictures are of. */
export const conditioningParts: Readonly<Record<Family["conditioning"], readonly string[]>> = {
  text: ["text_encoder", "tokenizer"],
  "two texts": ["text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"],
  picture: ["image_encoder", "feature_extractor"],
};

/** @throws ArgumentError for a pipeline that is not known here */
export const familyOf = (name: string, folder: string): Family => {
  const family = Object.hasOwn(families, name) ? families[name] : undefined;
  if (family) return family;
  throw new ArgumentError({
    who: folder,
    expected: `a pipeline among ${Object.keys(families).join(", ")}`,
    got: name,
  });
};

/** What the network sees beside latents of four channels: what it can begin with follows. */
export const sourcesOf = (
  family: Family,
  channels: { readonly seen: number; readonly latent: number },
): readonly (SourceKind | "none")[] => {
  if (family.conditioning === "picture") return ["variation"];
  const { seen, latent } = channels;
  if (seen === latent) return ["none", "image", "inpaint"];
  if (seen === 2 * latent + 1) return ["inpaint"];
  if (seen === latent + 3) return ["upscale"];
  throw new ArgumentError({
    who: "unet.in_channels",
    expected: `${latent}, ${2 * latent + 1} to inpaint or ${latent + 3} to upscale latents of ${latent} channels`,
    got: String(seen),
  });
};
