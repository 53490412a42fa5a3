import type { Transformer2DOptions } from "./transformer-2d.ts";
import type { UNet2DConditionConfig } from "./unet-2d-condition-config.ts";
import type { BlockLayout, Groups, LayerLayout, ResnetLayout, UNet2DLayout } from "./unet-2d-layout.ts";

type TransformerLayout = Transformer2DOptions;
export type ConditionLayout = UNet2DLayout<TransformerLayout>;

const at = <T>(value: T | readonly T[], level: number): T =>
  Array.isArray(value) ? ((value as readonly T[]).at(level) as T) : (value as T);

/** The parts of every level, by its index from the widest images on; -1 is the last. */
const partsOf = (config: UNet2DConditionConfig) => {
  const groups: Groups = { count: config.norm_num_groups, by: "norm_num_groups" };
  return {
    groups,
    resnet: (from: number, to: number, outputScale = 1): ResnetLayout => ({
      from,
      to,
      groups,
      groupsOut: groups,
      outputScale,
    }),
    transformer: (level: number, layers: number, onlyCross = at(config.only_cross_attention, level)) => ({
      channels: at(config.block_out_channels, level),
      heads: at(config.attention_head_dim, level),
      context: at(config.cross_attention_dim, level),
      groups: groups.count,
      linearProjection: config.use_linear_projection,
      layers,
      onlyCross,
    }),
  };
};

const downLayout = (config: UNet2DConditionConfig, level: number): BlockLayout<TransformerLayout> => {
  const { resnet, transformer } = partsOf(config);
  const widths = config.block_out_channels;
  const to = widths[level] as number;
  const kind = config.down_block_types[level] as string;
  const layers = at(config.transformer_layers_per_block, level);
  return {
    kind,
    carriesImage: false,
    layers: Array.from({ length: at(config.layers_per_block, level) }, (_, i) => ({
      resnet: resnet(i === 0 ? (widths[level - 1] ?? to) : to, to),
      attention: kind === "CrossAttnDownBlock2D" ? transformer(level, at(layers, i)) : null,
    })),
    resampling: level === widths.length - 1 ? null : "conv",
    resampler: resnet(to, to),
  };
};

/** `step` counts from the smallest images up, `level` from the widest down. */
const upLayout = (config: UNet2DConditionConfig, step: number): BlockLayout<TransformerLayout> => {
  const { resnet, transformer } = partsOf(config);
  const widths = config.block_out_channels;
  const level = widths.length - 1 - step;
  const to = widths[level] as number;
  const [below, beside] = [widths[level + 1] ?? to, widths[level - 1] ?? to];
  const kind = config.up_block_types[step] as string;
  const reversed = config.reverse_transformer_layers_per_block;
  const layers = reversed ? at(reversed, step) : at(config.transformer_layers_per_block, level);
  const count = at(config.layers_per_block, level) + 1;
  return {
    kind,
    carriesImage: false,
    layers: Array.from({ length: count }, (_, i) => ({
      resnet: resnet((i === 0 ? below : to) + (i === count - 1 ? beside : to), to),
      attention: kind === "CrossAttnUpBlock2D" ? transformer(level, at(layers, i)) : null,
    })),
    resampling: step === widths.length - 1 ? null : "conv",
    resampler: resnet(to, to),
  };
};

const midLayout = (config: UNet2DConditionConfig): ConditionLayout["mid"] => {
  if (config.mid_block_type === null) return null;
  const { resnet, transformer } = partsOf(config);
  const width = at(config.block_out_channels, -1);
  const layer = resnet(width, width, config.mid_block_scale_factor);
  const layers = at(at(config.transformer_layers_per_block, -1), 0);
  const first: LayerLayout<TransformerLayout> = { resnet: layer, attention: transformer(-1, layers, false) };
  return [first, { resnet: layer, attention: null }];
};

/** The sizes of every part; a configuration has as many types of blocks as widths, on either way. */
export const conditionLayoutOf = (config: UNet2DConditionConfig): ConditionLayout => ({
  down: config.block_out_channels.map((_, level) => downLayout(config, level)),
  mid: midLayout(config),
  up: config.block_out_channels.map((_, step) => upLayout(config, step)),
  out: partsOf(config).groups,
});
