import { blockKinds, type UNet2DConfig, type UNet2DEncoderConfig } from "./unet-2d-config.ts";

/** Groups of a normalisation, and the rule that sets their number. */
export interface Groups {
  readonly count: number;
  readonly by: string;
}
export interface ResnetLayout {
  readonly from: number;
  readonly to: number;
  readonly groups: Groups;
  readonly groupsOut: Groups;
  readonly outputScale: number;
}
export interface AttentionLayout {
  readonly channels: number;
  readonly headWidth: number;
  readonly groups: Groups | null;
  readonly outputScale: number;
}
/** A residual block, then attention of some kind where there is some. */
export interface LayerLayout<A = AttentionLayout> {
  readonly resnet: ResnetLayout;
  readonly attention: A | null;
}
export interface BlockLayout<A = AttentionLayout> {
  readonly kind: string;
  readonly layers: readonly LayerLayout<A>[];
  /** Whether the image itself goes along. */
  readonly carriesImage: boolean;
  /** How the size changes at the end, and the sizes of a residual block that does it; null for the last block. */
  readonly resampling: "conv" | "resnet" | "skip" | null;
  readonly resampler: ResnetLayout;
}

/** The sizes of every part of a U-Net. */
export interface UNet2DLayout<A = AttentionLayout> {
  readonly down: readonly BlockLayout<A>[];
  readonly mid: readonly [LayerLayout<A>, LayerLayout<A>] | null;
  /** None where a network only goes down. */
  readonly up: readonly BlockLayout<A>[];
  readonly out: Groups;
}

type Kind = (typeof blockKinds)[number];

const quarter = (channels: number): number => Math.min(Math.floor(channels / 4), 32);

/** Groups where `norm_num_groups` counts. */
const normGroups = ({ norm_num_groups: groups }: UNet2DEncoderConfig, channels: number): Groups => ({
  count: groups ?? quarter(channels),
  by: "norm_num_groups",
});

/** What the blocks of one kind have in common. */
const styleOf = (config: UNet2DEncoderConfig, kind: Kind, name: string) => {
  const skips = kind.resampling === "skip";
  const outputScale = skips ? Math.SQRT2 : 1;
  const by = `the groups of ${name}`;
  const groups = (channels: number): Groups =>
    skips ? { count: quarter(channels), by } : normGroups(config, channels);
  return {
    groups,
    resnet: (from: number, to: number, first = groups(from)): ResnetLayout => ({
      from,
      to,
      groups: first,
      groupsOut: groups(to),
      outputScale,
    }),
    attention: (channels: number): AttentionLayout => ({
      channels,
      headWidth: config.attention_head_dim ?? channels,
      groups: skips ? { count: 32, by: `the groups of ${name}'s attention` } : groups(channels),
      outputScale,
    }),
  };
};

const resamplingOf = ({ resampling }: Kind, typed: "conv" | "resnet" | null) =>
  resampling === "typed" ? (typed ?? "conv") : resampling;

const downLayout = (config: UNet2DEncoderConfig, level: number): BlockLayout => {
  const widths = config.block_out_channels;
  const to = widths[level] as number;
  const kind = blockKinds.find(({ down }) => down === config.down_block_types[level]) as Kind;
  const style = styleOf(config, kind, kind.down);
  return {
    kind: kind.down,
    carriesImage: kind.resampling === "skip",
    layers: Array.from({ length: config.layers_per_block }, (_, i) => ({
      resnet: style.resnet(i === 0 ? (widths[level - 1] ?? to) : to, to),
      attention: kind.attends ? style.attention(to) : null,
    })),
    resampling: level === widths.length - 1 ? null : resamplingOf(kind, config.downsample_type),
    resampler: style.resnet(to, to),
  };
};

/** Channels join: those that came up from `below` with those left on the way down, of the level `beside` at last. */
const upLayout = (config: UNet2DConfig, level: number): BlockLayout => {
  const widths = [...config.block_out_channels].reverse();
  const to = widths[level] as number;
  const [below, beside] = [widths[level - 1] ?? to, widths[level + 1] ?? to];
  const kind = blockKinds.find(({ up }) => up === config.up_block_types[level]) as Kind;
  const style = styleOf(config, kind, kind.up);
  const attendsOnce = kind.up === "AttnSkipUpBlock2D";
  return {
    kind: kind.up,
    carriesImage: kind.resampling === "skip",
    layers: Array.from({ length: config.layers_per_block + 1 }, (_, i) => {
      const last = i === config.layers_per_block;
      const [above, skip] = [i === 0 ? below : to, last ? beside : to];
      const groups = style.groups(above + skip);
      // diffusers takes a quarter of the second alone here, which weights trained with it rely on.
      const count = attendsOnce ? Math.min(above + Math.floor(skip / 4), 32) : groups.count;
      return {
        resnet: style.resnet(above + skip, to, { ...groups, count }),
        attention: kind.attends && (last || !attendsOnce) ? style.attention(to) : null,
      };
    }),
    resampling: level === widths.length - 1 ? null : resamplingOf(kind, config.upsample_type),
    resampler: style.resnet(to, to),
  };
};

/** Two residual blocks with attention between. */
const midLayout = (config: UNet2DEncoderConfig): UNet2DLayout["mid"] => {
  if (config.mid_block_type === null) return null;
  const width = config.block_out_channels.at(-1) as number;
  const groups = normGroups(config, width);
  const outputScale = config.mid_block_scale_factor;
  const resnet = { from: width, to: width, groups, groupsOut: groups, outputScale };
  const own = config.attn_norm_num_groups;
  const inherited = config.resnet_time_scale_shift === "default" ? groups : null;
  const attention = {
    channels: width,
    headWidth: config.attention_head_dim ?? width,
    groups: own === null ? inherited : { count: own, by: "attn_norm_num_groups" },
    outputScale,
  };
  return [
    { resnet, attention: config.add_attention ? attention : null },
    { resnet, attention: null },
  ];
};

/** The sizes of what only goes down; it has as many types of blocks as widths. */
export const encoderLayoutOf = (config: UNet2DEncoderConfig): UNet2DLayout => ({
  down: config.block_out_channels.map((_, level) => downLayout(config, level)),
  mid: midLayout(config),
  up: [],
  out: normGroups(config, config.block_out_channels.at(-1) as number),
});

/** The sizes that a configuration comes to; it has as many types of blocks as widths, on either way. */
export const layoutOf = (config: UNet2DConfig): UNet2DLayout => ({
  ...encoderLayoutOf(config),
  up: config.block_out_channels.map((_, level) => upLayout(config, level)),
  out: normGroups(config, config.block_out_channels[0] as number),
});
