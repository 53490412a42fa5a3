import { z } from "zod";
import { type Activation, activations } from "../nn/index.ts";

export const count = z.int().positive();
export const refusal = (expected: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `expected ${expected}, got ${JSON.stringify(input)}`,
});
/** One of the words that are known here; what diffusers knows beside them is refused by its name. */
export const word = <const W extends string>(...words: readonly W[]) =>
  z.enum(words, refusal(words.join(" or ")));

/**
 * The kinds of blocks by their names on the way down and up: whether they attend, and how they change the size.
 * "typed" is what `downsample_type` and `upsample_type` say. "skip" blocks carry the image itself along at every
 * size (NCSN++, Song et al. 2021, appendix H); they have their own numbers of groups.
 */
export const blockKinds = [
  { down: "DownBlock2D", up: "UpBlock2D", attends: false, resampling: "conv" },
  { down: "AttnDownBlock2D", up: "AttnUpBlock2D", attends: true, resampling: "typed" },
  { down: "ResnetDownsampleBlock2D", up: "ResnetUpsampleBlock2D", attends: false, resampling: "resnet" },
  { down: "SkipDownBlock2D", up: "SkipUpBlock2D", attends: false, resampling: "skip" },
  { down: "AttnSkipDownBlock2D", up: "AttnSkipUpBlock2D", attends: true, resampling: "skip" },
] as const;
const downBlock = word(...blockKinds.map(({ down }) => down));
const upBlock = word(...blockKinds.map(({ up }) => up));
/** Of blocks that leave it open: a convolution, as when null, or a residual block. */
const resampling = word("conv", "resnet").nullable().default("conv");

/**
 * diffusers' configuration of `UNet2DModel`, with its keys and defaults (0.42). What this does not know is refused.
 */
export const unet2dFields = z.strictObject({
  /** [height, width], or the side of a square; what the model was trained at. */
  sample_size: z
    .union([count, z.tuple([count, count])])
    .nullable()
    .default(null),
  in_channels: count.default(3),
  out_channels: count.default(3),
  /** Map the input from [0, 1] to [-1, 1]. */
  center_input_sample: z.boolean().default(false),
  time_embedding_type: word("positional", "fourier", "learned").default("positional"),
  /** Four times the first width when null. */
  time_embedding_dim: count.nullable().default(null),
  freq_shift: z.number().default(0),
  flip_sin_to_cos: z.boolean().default(true),
  down_block_types: z
    .array(downBlock)
    .min(1)
    .default(["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"]),
  mid_block_type: word("UNetMidBlock2D").nullable().default("UNetMidBlock2D"),
  up_block_types: z
    .array(upBlock)
    .min(1)
    .default(["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
  block_out_channels: z.array(count).min(1).default([224, 448, 672, 896]),
  layers_per_block: count.default(2),
  mid_block_scale_factor: z.number().positive().default(1),
  downsample_padding: z.literal([0, 1]).default(1),
  downsample_type: resampling,
  upsample_type: resampling,
  dropout: z.number().min(0).lt(1).default(0),
  act_fn: word(...(Object.keys(activations) as Activation[])).default("silu"),
  /** Channels of one attention head; all of them when null. */
  attention_head_dim: count.nullable().default(8),
  /** A network of skip blocks alone may do without: then a quarter of the channels, 32 at most. */
  norm_num_groups: count.nullable().default(32),
  /** Of the attention in the middle. */
  attn_norm_num_groups: count.nullable().default(null),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: word("default", "scale_shift").default("default"),
  /** Null looks numbers up in a table, "timestep" treats them as times, "identity" adds what it is given. */
  class_embed_type: word("timestep", "identity").nullable().default(null),
  /** Rows of the table; no classes when both are null. */
  num_class_embeds: count.nullable().default(null),
  /** Rows of the table of a learned time embedding. */
  num_train_timesteps: count.nullable().default(null),
  add_attention: z.boolean().default(true),
});

export type UNet2DConfig = z.output<typeof unet2dFields>;
export type UNet2DConfigInput = z.input<typeof unet2dFields>;

/** What is left of them for a recipe: sizes, channels and classes come from its data. */
export const unet2dRecipeFields = unet2dFields.omit({
  sample_size: true,
  in_channels: true,
  out_channels: true,
  num_class_embeds: true,
  class_embed_type: true,
});

/** What is left of them where a network only goes down. */
export const unet2dEncoderFields = unet2dFields.omit({
  out_channels: true,
  up_block_types: true,
  upsample_type: true,
  class_embed_type: true,
  num_class_embeds: true,
});
export type UNet2DEncoderConfig = z.output<typeof unet2dEncoderFields>;
