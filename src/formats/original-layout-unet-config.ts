import type { Section } from "./original-layout-section.ts";
import type { UNetStructure } from "./original-layout-unet.ts";

/** What no tensor says of a U-Net. */
export interface UNetGiven {
  /** The number of heads, or channels of each: both layouts leave it open. */
  readonly heads: { readonly number: number } | { readonly channels: number };
  /** Side of the latents it was trained at. */
  readonly sampleSize: number;
}

/** diffusers' configuration of a U-Net in the original layout. @throws never: what is missing is a fault */
export const unetConfig = (
  unet: Section,
  structure: UNetStructure,
  { heads, sampleSize }: UNetGiven,
): Record<string, unknown> => {
  const { widths, layers, depths } = structure;
  const attends = depths.map((depth) => depth > 0);
  return {
    _class_name: "UNet2DConditionModel",
    sample_size: sampleSize,
    in_channels: unet.size("input_blocks.0.0.weight", 1),
    out_channels: unet.size("out.2.weight", 0),
    block_out_channels: widths,
    layers_per_block: layers,
    down_block_types: attends.map((yes) => (yes ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    up_block_types: attends.toReversed().map((yes) => (yes ? "CrossAttnUpBlock2D" : "UpBlock2D")),
    cross_attention_dim: contextWidth(unet),
    attention_head_dim: "number" in heads ? heads.number : widths.map(headsOf(heads.channels)),
    transformer_layers_per_block: depthsOf(structure),
    use_linear_projection: unet.rank("middle_block.1.proj_in.weight") === 2,
    ...onlyCross(unet, structure),
    ...embeddingKeys(unet, structure),
  };
};

/** Width of the states that the U-Net attends to. */
export const contextWidth = (unet: Section): number =>
  unet.size("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1);

/** Fewer channels than a head has make one head. */
const headsOf = (channels: number) => (width: number) => Math.max(1, Math.floor(width / channels));

/** The middle has as many as the last level; levels without attention say 1. */
const depthsOf = ({ depths, middleDepth }: UNetStructure): number | number[] => {
  const all = depths.map((depth, level) => depth || (level === depths.length - 1 ? middleDepth : 1));
  return all.every((depth) => depth === all[0]) ? (all[0] ?? 1) : all;
};

/**
 * The ×4 upscaler attends to the text where others attend among pixels. It shows where the widths differ; in its last
 * level, where they are the same, it does not do so.
 */
const onlyCross = (unet: Section, { widths, layers, depths }: UNetStructure): object => {
  const context = contextWidth(unet);
  const each = widths.map((width, level) => {
    if (!depths[level]) return false;
    const place = `input_blocks.${1 + level * (layers + 1)}.1.transformer_blocks.0.attn1.to_k.weight`;
    return width !== context && unet.size(place, 1) === context;
  });
  return each.includes(true) ? { only_cross_attention: each } : {};
};

/** Features of each of the six sizes that Stable Diffusion XL is told. */
const SIZE_FEATURES = 256;

const embeddingKeys = (unet: Section, { embeds }: UNetStructure): object => {
  if (embeds === "nothing") return {};
  if (embeds === "number") return { num_class_embeds: unet.size("label_emb.weight", 0) };
  return {
    addition_embed_type: "text_time",
    addition_time_embed_dim: SIZE_FEATURES,
    projection_class_embeddings_input_dim: unet.size("label_emb.0.0.weight", 1),
  };
};
