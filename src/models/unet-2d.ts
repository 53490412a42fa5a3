import { ArgumentError, type Generator, ShapeError, showShape } from "../base/index.ts";
import {
  conv2d,
  type DropoutMasks,
  embedding,
  fourierFeatures,
  groupNorm,
  selfAttention,
  sinusoids,
  timeEmbedding,
} from "../nn/index.ts";
import { concat, silu, type Tensor } from "../tensor/index.ts";
import { downsample, type ResnetOptions, resnetBlock, upsample } from "./resnet-block.ts";
import type { UNet2DConfig } from "./unet-2d-config.ts";

/** What a U-Net is told beside image and time. */
export interface UNet2DConditions {
  /** int32 [n]; for networks with a class embedding, which need it. */
  readonly classLabels?: Tensor | undefined;
  /** Training: where dropout masks come from. */
  readonly masks?: DropoutMasks | undefined;
}

/**
 * diffusers' `UNet2DModel` (Ho et al. 2020; Dhariwal and Nichol 2021): its keys are that model's parameter
 * names. `forward` takes images [n, in_channels, h, w], h and w divisible by 2 to the number of
 * downsamplings, and times float32 [n].
 */
export const unet2d = (config: UNet2DConfig, random: Generator) => {
  const widths = config.block_out_channels;
  const [first] = widths as [number];
  const last = widths.at(-1) as number;
  const time = config.time_embedding_dim ?? 4 * first;
  const factor = 2 ** (widths.length - 1);

  const conv_in = conv2d(random, config.in_channels, first, { kernel: 3, padding: 1 });
  const time_proj = config.time_embedding_type === "fourier" ? fourierFeatures(random, first, 16) : undefined;
  const time_embedding = timeEmbedding(random, time_proj ? 2 * first : first, time);
  const class_embedding =
    config.num_class_embeds === null ? undefined : embedding(random, config.num_class_embeds, time);
  const down_blocks = widths.map((_, i) => downBlock(config, random, { time, level: i }));
  const mid_block =
    config.mid_block_type === null ? undefined : midBlock(config, random, { time, width: last });
  const up_blocks = widths.map((_, i) => upBlock(config, random, { time, level: i }));
  const conv_norm_out = groupNorm(first, {
    groups: config.norm_num_groups,
    eps: config.norm_eps,
    silu: true,
  });
  const conv_out = conv2d(random, first, config.out_channels, { kernel: 3, padding: 1 });

  const timeFeatures = (t: Tensor): Tensor =>
    time_proj?.forward(t) ?? sinusoids(t, first, { flip: config.flip_sin_to_cos, shift: config.freq_shift });

  return {
    config,
    conv_in,
    ...(time_proj && { time_proj }),
    time_embedding,
    ...(class_embedding && { class_embedding }),
    down_blocks,
    ...(mid_block && { mid_block }),
    up_blocks,
    conv_norm_out,
    conv_out,
    forward(sample: Tensor, timestep: Tensor, { classLabels, masks }: UNet2DConditions = {}): Tensor {
      checkSample(sample, config.in_channels, factor);
      checkLabels(classLabels, class_embedding !== undefined);
      let told = time_embedding.forward(timeFeatures(timestep));
      if (class_embedding && classLabels) told = told.add(class_embedding.forward(classLabels));
      const context = { told: silu(told), masks };
      let x = conv_in.forward(config.center_input_sample ? sample.mul(2).sub(1) : sample);
      const skips = [x];
      for (const block of down_blocks) x = block.forward(x, context, skips);
      if (mid_block) x = mid_block.forward(x, context);
      for (const block of up_blocks) x = block.forward(x, context, skips);
      const out = conv_out.forward(conv_norm_out.forward(x));
      return time_proj ? out.div(timestep.reshape([-1, 1, 1, 1])) : out;
    },
  };
};
export type UNet2D = ReturnType<typeof unet2d>;

/** What every block is told: the activated time embedding, and where dropout masks come from. */
interface Context {
  readonly told: Tensor;
  readonly masks: DropoutMasks | undefined;
}

const resnetOf = (
  config: UNet2DConfig,
  random: Generator,
  sizes: Pick<ResnetOptions, "from" | "to" | "time"> & { readonly outputScale?: number },
) =>
  resnetBlock(random, {
    outputScale: 1,
    ...sizes,
    groups: config.norm_num_groups,
    eps: config.norm_eps,
    dropout: config.dropout,
    timeScaleShift: config.resnet_time_scale_shift,
  });

const attentionOf = (config: UNet2DConfig, random: Generator, channels: number) =>
  selfAttention(random, {
    channels,
    headWidth: config.attention_head_dim ?? channels,
    groups: config.norm_num_groups,
    eps: config.norm_eps,
    outputScale: 1,
  });

/** A residual block, then attention where the block's type has it: drawn one after the other, as in diffusers. */
const layerOf = (
  config: UNet2DConfig,
  random: Generator,
  { attends, ...sizes }: Pick<ResnetOptions, "from" | "to" | "time"> & { readonly attends: boolean },
) => ({
  resnet: resnetOf(config, random, sizes),
  attention: attends ? attentionOf(config, random, sizes.to) : undefined,
});

/** A block's layers under the names that checkpoints have for them. */
const namesOf = (layers: readonly ReturnType<typeof layerOf>[]) => {
  const attentions = layers.flatMap(({ attention }) => attention ?? []);
  return { resnets: layers.map(({ resnet }) => resnet), ...(attentions.length > 0 && { attentions }) };
};

interface Place {
  readonly time: number;
  readonly level: number;
}

/** Residual blocks, each followed by attention where the type says so, then half the size but for the last. */
const downBlock = (config: UNet2DConfig, random: Generator, { time, level }: Place) => {
  const widths = config.block_out_channels;
  const to = widths[level] as number;
  const attends = config.down_block_types[level] === "AttnDownBlock2D";
  const layers = Array.from({ length: config.layers_per_block }, (_, i) => {
    const from = i === 0 ? (widths[level - 1] ?? to) : to;
    return layerOf(config, random, { from, to, time, attends });
  });
  const downsamplers =
    level < widths.length - 1 ? [downsample(random, to, config.downsample_padding)] : undefined;
  return {
    ...namesOf(layers),
    ...(downsamplers && { downsamplers }),
    /** Leaves what the way up will need in `skips`. */
    forward(x: Tensor, { told, masks }: Context, skips: Tensor[]): Tensor {
      let out = x;
      for (const { resnet, attention } of layers) {
        out = resnet.forward(out, told, masks);
        out = attention?.forward(out) ?? out;
        skips.push(out);
      }
      for (const half of downsamplers ?? []) {
        out = half.forward(out);
        skips.push(out);
      }
      return out;
    },
  };
};

/** Two residual blocks with attention between. */
const midBlock = (config: UNet2DConfig, random: Generator, sizes: { time: number; width: number }) => {
  const { time, width } = sizes;
  const outputScale = config.mid_block_scale_factor;
  const resnet = () => resnetOf(config, random, { from: width, to: width, time, outputScale });
  const groups =
    config.attn_norm_num_groups ??
    (config.resnet_time_scale_shift === "default" ? config.norm_num_groups : null);
  const before = resnet();
  const attention = config.add_attention
    ? selfAttention(random, {
        channels: width,
        headWidth: config.attention_head_dim ?? width,
        groups,
        eps: config.norm_eps,
        outputScale,
      })
    : undefined;
  const after = resnet();
  return {
    resnets: [before, after],
    ...(attention && { attentions: [attention] }),
    forward(x: Tensor, { told, masks }: Context): Tensor {
      const hidden = before.forward(x, told, masks);
      return after.forward(attention?.forward(hidden) ?? hidden, told, masks);
    },
  };
};

/** Residual blocks on what came up joined with what went down, then twice the size but for the last. */
const upBlock = (config: UNet2DConfig, random: Generator, { time, level }: Place) => {
  const widths = [...config.block_out_channels].reverse();
  const count = config.layers_per_block + 1;
  const to = widths[level] as number;
  const below = widths[level - 1] ?? to;
  const beside = widths[Math.min(level + 1, widths.length - 1)] as number;
  const attends = config.up_block_types[level] === "AttnUpBlock2D";
  const layers = Array.from({ length: count }, (_, i) => {
    const skip = i === count - 1 ? beside : to;
    return layerOf(config, random, { from: (i === 0 ? below : to) + skip, to, time, attends });
  });
  const upsamplers = level < widths.length - 1 ? [upsample(random, to)] : undefined;
  return {
    ...namesOf(layers),
    ...(upsamplers && { upsamplers }),
    /** Takes as many `skips` as it has residual blocks. */
    forward(x: Tensor, { told, masks }: Context, skips: Tensor[]): Tensor {
      let out = x;
      for (const { resnet, attention } of layers) {
        out = resnet.forward(concat([out, skips.pop() as Tensor], 1), told, masks);
        out = attention?.forward(out) ?? out;
      }
      for (const double of upsamplers ?? []) out = double.forward(out);
      return out;
    },
  };
};

const checkSample = ({ shape }: Tensor, channels: number, factor: number): void => {
  const [, c, h = 0, w = 0] = shape;
  if (shape.length === 4 && c === channels && h % factor === 0 && w % factor === 0) return;
  throw new ShapeError({
    who: "unet2d",
    expected: `images [n, ${channels}, h, w] with h and w divisible by ${factor}`,
    got: showShape(shape),
  });
};

const checkLabels = (labels: Tensor | undefined, embedded: boolean): void => {
  if ((labels !== undefined) === embedded) return;
  throw new ArgumentError({
    who: "unet2d",
    expected: embedded ? "class labels, since it embeds classes" : "no class labels, since it embeds none",
    got: embedded ? "none" : "some",
  });
};
