import { z } from "zod";
import { type UNet2DConditionConfig, unet2dConditionFields } from "./unet-2d-condition-config.ts";
import { conditionLayoutOf } from "./unet-2d-condition-layout.ts";
import { fromDiffusers } from "./unet-2d-schema.ts";

const levelled = [
  "layers_per_block",
  "cross_attention_dim",
  "only_cross_attention",
  "transformer_layers_per_block",
  "reverse_transformer_layers_per_block",
  "attention_head_dim",
  "down_block_types",
  "up_block_types",
] as const satisfies readonly (keyof UNet2DConditionConfig)[];

const faultsOf = (config: UNet2DConditionConfig): string[] => {
  const levels = config.block_out_channels.length;
  const odd = levelled.filter((key) => {
    const value = config[key];
    return Array.isArray(value) && value.length !== levels;
  });
  if (odd.length) return [`as many of ${odd.join(", ")} as block_out_channels (${levels})`];
  const nested = config.transformer_layers_per_block;
  const { class_embed_type, addition_embed_type, projection_class_embeddings_input_dim: width } = config;
  return [
    ...(Array.isArray(nested) && nested.some(Array.isArray) && !config.reverse_transformer_layers_per_block
      ? ["reverse_transformer_layers_per_block beside a list in transformer_layers_per_block"]
      : []),
    ...(width === null && (class_embed_type === "projection" || addition_embed_type)
      ? ["projection_class_embeddings_input_dim, not null"]
      : []),
    ...(addition_embed_type && config.addition_time_embed_dim === null
      ? ["addition_time_embed_dim, not null"]
      : []),
    ...sizeFaults(config),
  ];
};

/** The first channels that do not part evenly into groups or heads, and lists of layers that are too short. */
const sizeFaults = (config: UNet2DConditionConfig): string[] => {
  const { down, mid, up } = conditionLayoutOf(config);
  const layers = [
    ...down.flatMap((block) => block.layers),
    ...(mid ?? []),
    ...up.flatMap((block) => block.layers),
  ];
  const groups = config.norm_num_groups;
  const rough = layers.flatMap(({ resnet }) => [resnet.from, resnet.to]).find((n) => n % groups !== 0);
  const split = layers.find(({ attention }) => attention && attention.channels % attention.heads !== 0);
  const short = layers.some(({ attention }) => attention && !(attention.layers > 0));
  return [
    ...(rough === undefined ? [] : [`channels divisible by norm_num_groups, not ${rough} by ${groups}`]),
    ...(split?.attention
      ? [
          `channels divisible by attention_head_dim, not ${split.attention.channels} by ${split.attention.heads}`,
        ]
      : []),
    ...(short ? ["as many transformer_layers_per_block in each list as the block has layers"] : []),
  ];
};

/** The schema of a whole configuration. */
export const unet2dConditionSchema = z
  .preprocess(fromDiffusers, unet2dConditionFields)
  .superRefine((config, context) => {
    for (const message of faultsOf(config))
      context.addIssue({ code: "custom", message: `expected ${message}` });
  });
