import { z } from "zod";
import { count, refusal, unet2dFields, word } from "./unet-2d-config.ts";

/** One value for all levels, or one for each from the widest images on. */
const perLevel = <T extends z.ZodType>(value: T) => z.union([value, z.array(value).min(1)]);

/** What diffusers knows beside these values is refused by its name. */
const only = <const V extends string | number | boolean | null>(value: V) =>
  z.literal(value, refusal(JSON.stringify(value))).default(value as never);

/**
 * diffusers' configuration of `UNet2DConditionModel`, with its keys and defaults (0.42). What this does not know is
 * refused.
 */
export const unet2dConditionFields = z.strictObject({
  ...unet2dFields.pick({
    sample_size: true,
    center_input_sample: true,
    flip_sin_to_cos: true,
    freq_shift: true,
    downsample_padding: true,
    dropout: true,
    act_fn: true,
    norm_eps: true,
    resnet_time_scale_shift: true,
    time_embedding_dim: true,
  }).shape,
  in_channels: count.default(4),
  out_channels: count.default(4),
  down_block_types: z
    .array(word("CrossAttnDownBlock2D", "DownBlock2D"))
    .min(1)
    .default(["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]),
  mid_block_type: word("UNetMidBlock2DCrossAttn").nullable().default("UNetMidBlock2DCrossAttn"),
  up_block_types: z
    .array(word("CrossAttnUpBlock2D", "UpBlock2D"))
    .min(1)
    .default(["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
  block_out_channels: z.array(count).min(1).default([320, 640, 1280, 1280]),
  layers_per_block: perLevel(count).default(2),
  mid_block_scale_factor: z.number().positive().default(1),
  norm_num_groups: count.default(32),
  /** Width of the states that are attended to. */
  cross_attention_dim: perLevel(count).default(1280),
  /** Whether the attention among pixels asks the states too. */
  only_cross_attention: perLevel(z.boolean()).default(false),
  transformer_layers_per_block: z.union([count, z.array(z.union([count, z.array(count)])).min(1)]).default(1),
  /** On the way up, where its blocks have others; from the smallest images on. */
  reverse_transformer_layers_per_block: z
    .array(z.union([count, z.array(count)]))
    .nullable()
    .default(null),
  /** The number of heads, for all its name (huggingface/diffusers, issue 2011). */
  attention_head_dim: perLevel(count).default(8),
  use_linear_projection: z.boolean().default(false),
  /** Null looks numbers up in a table, "timestep" treats them as times, "projection" takes vectors. */
  class_embed_type: word("timestep", "projection").nullable().default(null),
  num_class_embeds: count.nullable().default(null),
  /** Width of the vectors of a projection, or of text and sizes together. */
  projection_class_embeddings_input_dim: count.nullable().default(null),
  /** "text_time" adds an embedding of a text and of sizes in pixels. */
  addition_embed_type: word("text_time").nullable().default(null),
  addition_time_embed_dim: count.nullable().default(null),
  /** Width of what is added to the features of time, which is told the scale of guidance. */
  time_cond_proj_dim: count.nullable().default(null),
  conv_in_kernel: count.default(3),
  conv_out_kernel: count.default(3),
  /** Of half precision alone. */
  upcast_attention: z.boolean().nullable().default(false),
  time_embedding_type: only("positional"),
  num_attention_heads: only(null),
  dual_cross_attention: only(false),
  encoder_hid_dim: only(null),
  encoder_hid_dim_type: only(null),
  resnet_skip_time_act: only(false),
  resnet_out_scale_factor: z.literal(1, refusal("1")).default(1),
  time_embedding_act_fn: only(null),
  timestep_post_act: only(null),
  attention_type: only("default"),
  class_embeddings_concat: only(false),
  /** Of another kind of middle. */
  mid_block_only_cross_attention: z.boolean().nullable().default(null),
  cross_attention_norm: only(null),
  addition_embed_type_num_heads: count.default(64),
});
export type UNet2DConditionConfig = z.output<typeof unet2dConditionFields>;
