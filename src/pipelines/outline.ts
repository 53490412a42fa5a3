import type { UNet2DConditionConfig } from "../models/index.ts";
import { type Family, familyOf, sourcesOf } from "./families.ts";
import { aboutLatents } from "./latent-codec.ts";
import { partConfig } from "./model-kinds.ts";
import { ownSize, type PictureSize } from "./picture-size.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { SourceKind } from "./source.ts";

/** What a pipeline is and can, of its configurations alone. */
export interface Outline {
  /** diffusers' name of its kind. */
  readonly className: string;
  readonly family: Family;
  /** The network's. */
  readonly config: UNet2DConditionConfig;
  /** What it begins with; "none" stands for noise alone. */
  readonly sources: readonly (SourceKind | "none")[];
  readonly size: PictureSize;
  /** Whether it makes two estimates at once and leads away from one; networks that are told the scale do it themselves. */
  isGuided(scale?: number): boolean;
}

/** Reads what a pipeline is. @throws as {@link openPipeline} does, but for weights */
export const outlineOf = async (parts: PipelineSource): Promise<Outline> => {
  const { className } = parts;
  const family = familyOf(className, parts.name);
  const config = await partConfig("unet", await parts.component("unet"));
  const { channels, factor } = aboutLatents(await partConfig("vae", await parts.component("vae")));
  return {
    className,
    family,
    config,
    sources: sourcesOf(family, { seen: config.in_channels, latent: channels }),
    size: ownSize(config.sample_size, factor),
    isGuided: (scale = family.guidance) => config.time_cond_proj_dim === null && scale !== 1,
  };
};
