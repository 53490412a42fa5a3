import type { Generator } from "../base/index.ts";
import { conv2d, groupNorm, selfAttention } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { AutoencoderKlConfig } from "./autoencoder-kl-config.ts";
import { downsample, resnetBlock, upsample } from "./resnet-block.ts";

/** What both halves of an autoencoder are made from. */
type HalfConfig = Pick<
  AutoencoderKlConfig,
  "block_out_channels" | "layers_per_block" | "norm_num_groups" | "act_fn" | "mid_block_add_attention"
>;

/** Inside every normalisation (diffusers). */
const EPS = 1e-6;

const resnet = (random: Generator, config: HalfConfig, from: number, to: number) =>
  resnetBlock(random, {
    from,
    to,
    time: null,
    groups: config.norm_num_groups,
    groupsOut: config.norm_num_groups,
    eps: EPS,
    activation: config.act_fn,
    dropout: 0,
    timeScaleShift: "default",
    outputScale: 1,
  });

const through = (layers: readonly { forward(x: Tensor): Tensor }[], x: Tensor): Tensor =>
  layers.reduce((hidden, layer) => layer.forward(hidden), x);

/** Residual blocks, and one head of attention over all pixels between them. */
const middle = (random: Generator, config: HalfConfig) => {
  const channels = config.block_out_channels.at(-1) as number;
  const groups = config.norm_num_groups;
  const sizes = { channels, headWidth: channels, groups, eps: EPS, outputScale: 1 };
  const first = resnet(random, config, channels, channels);
  const attention = config.mid_block_add_attention ? selfAttention(random, sizes) : undefined;
  const second = resnet(random, config, channels, channels);
  return {
    ...(attention && { attentions: [attention] }),
    resnets: [first, second],
    forward: (x: Tensor): Tensor => through([first, ...(attention ? [attention] : []), second], x),
  };
};

/** What a half ends with; SiLU whatever `act_fn` says, as in diffusers. */
const ending = (
  random: Generator,
  { norm_num_groups: groups }: HalfConfig,
  { from, to }: { readonly from: number; readonly to: number },
) => {
  const conv_norm_out = groupNorm(from, { groups, eps: EPS, silu: true });
  const conv_out = conv2d(random, from, to, { kernel: 3, padding: 1 });
  const forward = (x: Tensor): Tensor => conv_out.forward(conv_norm_out.forward(x));
  return { parts: { conv_norm_out, conv_out }, forward };
};

/** From pictures [n, from, h, w] to [n, to, h / f, w / f], f = 2 to the number of levels less one. */
export const autoencoderEncoder = (
  random: Generator,
  config: HalfConfig,
  { from, to }: { readonly from: number; readonly to: number },
) => {
  const widths = config.block_out_channels;
  const conv_in = conv2d(random, from, widths[0] as number, { kernel: 3, padding: 1 });
  const down_blocks = widths.map((width, level) => {
    const before = widths[level - 1] ?? width;
    const resnets = Array.from({ length: config.layers_per_block }, (_, i) =>
      resnet(random, config, i === 0 ? before : width, width),
    );
    const downsamplers = level === widths.length - 1 ? [] : [downsample(random, width, 0)];
    return {
      resnets,
      ...(downsamplers.length && { downsamplers }),
      forward: (x: Tensor): Tensor => through([...resnets, ...downsamplers], x),
    };
  });
  const mid_block = middle(random, config);
  const end = ending(random, config, { from: widths.at(-1) as number, to });
  return {
    conv_in,
    down_blocks,
    mid_block,
    ...end.parts,
    forward: (x: Tensor): Tensor => end.forward(through([conv_in, ...down_blocks, mid_block], x)),
  };
};

/** The way back: from [n, from, h, w] to pictures [n, to, f · h, f · w]. */
export const autoencoderDecoder = (
  random: Generator,
  config: HalfConfig,
  { from, to }: { readonly from: number; readonly to: number },
) => {
  const widths = [...config.block_out_channels].reverse();
  const conv_in = conv2d(random, from, widths[0] as number, { kernel: 3, padding: 1 });
  const mid_block = middle(random, config);
  const up_blocks = widths.map((width, level) => {
    const below = widths[level - 1] ?? width;
    const resnets = Array.from({ length: config.layers_per_block + 1 }, (_, i) =>
      resnet(random, config, i === 0 ? below : width, width),
    );
    const upsamplers = level === widths.length - 1 ? [] : [upsample(random, width)];
    return {
      resnets,
      ...(upsamplers.length && { upsamplers }),
      forward: (x: Tensor): Tensor =>
        upsamplers.reduce((hidden, each) => each.forward(hidden), through(resnets, x)),
    };
  });
  const end = ending(random, config, { from: widths.at(-1) as number, to });
  return {
    conv_in,
    up_blocks,
    mid_block,
    ...end.parts,
    forward: (z: Tensor): Tensor => end.forward(through([conv_in, mid_block, ...up_blocks], z)),
  };
};
