import { z } from "zod";

const count = z.int().positive();
const refusal = (expected: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `expected ${expected}, got ${JSON.stringify(input)}`,
});
/** One of the words that are known here; what diffusers knows beside them is refused by its name. */
const word = <const W extends string>(...words: readonly W[]) => z.enum(words, refusal(words.join(" or ")));
const downBlock = word("DownBlock2D", "AttnDownBlock2D");
const upBlock = word("UpBlock2D", "AttnUpBlock2D");

/**
 * diffusers' configuration of `UNet2DModel`, with its keys and defaults (0.42). What it knows and this
 * does not is refused: other block types, `downsample_type` and `upsample_type` "resnet". Keys that start
 * with an underscore (`_class_name`) are left aside.
 */
const fields = z.strictObject({
  /** [height, width], or the side of a square; what the model was trained at. */
  sample_size: z
    .union([count, z.tuple([count, count])])
    .nullable()
    .default(null),
  in_channels: count.default(3),
  out_channels: count.default(3),
  /** Map the input from [0, 1] to [-1, 1]. */
  center_input_sample: z.boolean().default(false),
  time_embedding_type: word("positional", "fourier").default("positional"),
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
  downsample_type: word("conv").default("conv"),
  upsample_type: word("conv").default("conv"),
  dropout: z.number().min(0).lt(1).default(0),
  act_fn: word("silu").default("silu"),
  /** Channels of one attention head; all of them when null. */
  attention_head_dim: count.nullable().default(8),
  norm_num_groups: count.default(32),
  attn_norm_num_groups: count.nullable().default(null),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: word("default", "scale_shift").default("default"),
  /** Class numbers are embedded; the types "timestep" and "identity" are not known here. */
  class_embed_type: z.null(refusal("null")).default(null),
  /** Rows of the class embedding; none when null. */
  num_class_embeds: count.nullable().default(null),
  num_train_timesteps: count.nullable().default(null),
  add_attention: z.boolean().default(true),
});

const withoutNotes = (value: unknown): unknown =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("_")))
    : value;

export type UNet2DConfig = z.output<typeof fields>;
export type UNet2DConfigInput = z.input<typeof fields>;

const faultsOf = (config: UNet2DConfig): string[] => {
  const { block_out_channels: widths, norm_num_groups: groups, attention_head_dim: head } = config;
  const levels = widths.length;
  const last = widths.at(-1) as number;
  const midAttends = config.mid_block_type !== null && config.add_attention;
  const midGroups = midAttends ? config.attn_norm_num_groups : null;
  const attends = (i: number) =>
    config.down_block_types[i] === "AttnDownBlock2D" ||
    config.up_block_types[levels - 1 - i] === "AttnUpBlock2D" ||
    (i === levels - 1 && midAttends);
  const faults = [
    ...(config.down_block_types.length === levels && config.up_block_types.length === levels
      ? []
      : [`as many down_block_types and up_block_types as block_out_channels (${levels})`]),
    ...widths.flatMap((width, i) => [
      ...(width % groups === 0
        ? []
        : [`block_out_channels divisible by norm_num_groups, not ${width} by ${groups}`]),
      ...(head !== null && attends(i) && width % head !== 0
        ? [`block_out_channels divisible by attention_head_dim, not ${width} by ${head}`]
        : []),
    ]),
    ...(midGroups === null || last % midGroups === 0
      ? []
      : [`the last of block_out_channels divisible by attn_norm_num_groups, not ${last} by ${midGroups}`]),
  ];
  return [...new Set(faults)]; // widths repeat
};

/** The fields alone, for schemas that leave some out. */
export const unet2dFields = fields;

/** The schema of a whole configuration. */
export const unet2dSchema = z.preprocess(withoutNotes, fields).superRefine((config, context) => {
  for (const message of faultsOf(config))
    context.addIssue({ code: "custom", message: `expected ${message}` });
});
