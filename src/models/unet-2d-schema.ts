import { z } from "zod";
import {
  type UNet2DConfig,
  type UNet2DEncoderConfig,
  unet2dEncoderFields,
  unet2dFields,
} from "./unet-2d-config.ts";
import {
  type BlockLayout,
  encoderLayoutOf,
  type Groups,
  type LayerLayout,
  layoutOf,
  type UNet2DLayout,
} from "./unet-2d-layout.ts";

/** Keys that start with an underscore (`_class_name`) are left aside, and blocks' names of 2022 become today's. */
export const fromDiffusers = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value;
  const known = Object.entries(value).filter(([key]) => !key.startsWith("_"));
  return Object.fromEntries(
    known.map(([key, each]) => [key, key.endsWith("block_types") ? renamed(each) : each]),
  );
};
const renamed = (types: unknown): unknown =>
  Array.isArray(types)
    ? types.map((type) => (typeof type === "string" ? type.replace(/^UNetRes/, "") : type))
    : types;

const resnetsOf = ({ layers, resampling, resampler }: BlockLayout) => [
  ...layers.map(({ resnet }) => resnet),
  ...(resampling === "resnet" || resampling === "skip" ? [resampler] : []),
];

/** Every normalisation: its channels and groups. */
const normsOf = ({ down, mid, up, out }: UNet2DLayout, last: number): [number, Groups][] => {
  const blocks = [...down, ...up];
  const layers: LayerLayout[] = [...blocks.flatMap((block) => block.layers), ...(mid ?? [])];
  const resnets = [...blocks.flatMap(resnetsOf), ...(mid ?? []).map(({ resnet }) => resnet)];
  return [
    ...resnets.flatMap(({ from, to, groups, groupsOut }): [number, Groups][] => [
      [from, groups],
      [to, groupsOut],
    ]),
    ...layers.flatMap(({ attention }): [number, Groups][] =>
      attention?.groups ? [[attention.channels, attention.groups]] : [],
    ),
    [last, out],
  ];
};

/** The first misfit of each rule. */
const groupFaults = (norms: readonly [number, Groups][]): string[] => {
  const faults = new Map<string, string>();
  for (const [channels, { count, by }] of norms)
    if ((count === 0 || channels % count !== 0) && !faults.has(by))
      faults.set(by, `channels divisible by ${by}, not ${channels} by ${count}`);
  return [...faults.values()];
};

const headFaults = ({ down, mid, up }: UNet2DLayout): string[] => {
  const layers = [
    ...down.flatMap((block) => block.layers),
    ...(mid ?? []),
    ...up.flatMap((block) => block.layers),
  ];
  const narrow = layers.find(
    ({ attention }) => attention && attention.headWidth > attention.channels,
  )?.attention;
  return narrow
    ? [
        `attention_head_dim of at most the channels that attend, not ${narrow.headWidth} of ${narrow.channels}`,
      ]
    : [];
};

/** The image that skip blocks carry along has three channels, and halves and doubles in these blocks alone. */
const imageFaults = (
  { down, up }: UNet2DLayout,
  config: Pick<UNet2DConfig, "in_channels"> & Partial<Pick<UNet2DConfig, "out_channels">>,
): string[] => {
  const resamples = ({ carriesImage, resampling }: BlockLayout) => carriesImage && resampling !== null;
  const halved = down.findLast(resamples);
  const doubled = up.find(resamples);
  const before = down.slice(0, halved ? down.lastIndexOf(halved) : 0).find((block) => !block.carriesImage);
  const after = up.slice(doubled ? up.indexOf(doubled) : up.length).find((block) => !block.carriesImage);
  return [
    ...(halved && before ? [`skip blocks alone before ${halved.kind}, not ${before.kind}`] : []),
    ...(doubled && after ? [`skip blocks alone after ${doubled.kind}, not ${after.kind}`] : []),
    ...(halved && config.in_channels !== 3
      ? [`3 in_channels for ${halved.kind}, not ${config.in_channels}`]
      : []),
    ...(doubled && (config.out_channels ?? 3) !== 3
      ? [`3 out_channels for ${doubled.kind}, not ${config.out_channels}`]
      : []),
  ];
};

/** What does not fit together in a layout, whose last normalisation sees so many channels. */
const layoutFaults = (layout: UNet2DLayout, config: UNet2DEncoderConfig, last: number): string[] => {
  const plain = [...layout.down, ...layout.up].find(({ carriesImage }) => !carriesImage);
  return [
    ...groupFaults(normsOf(layout, last)),
    ...headFaults(layout),
    ...imageFaults(layout, config),
    ...(config.norm_num_groups === null && plain ? [`norm_num_groups for ${plain.kind}, not null`] : []),
    ...(config.time_embedding_type === "learned" && config.num_train_timesteps === null
      ? ["num_train_timesteps for a learned time embedding, not null"]
      : []),
  ];
};

const faultsOf = (config: UNet2DConfig): string[] => {
  const levels = config.block_out_channels.length;
  if (config.down_block_types.length !== levels || config.up_block_types.length !== levels)
    return [`as many down_block_types and up_block_types as block_out_channels (${levels})`];
  return layoutFaults(layoutOf(config), config, config.block_out_channels[0] as number);
};

const encoderFaults = (config: UNet2DEncoderConfig): string[] => {
  const levels = config.block_out_channels.length;
  if (config.down_block_types.length !== levels)
    return [`as many down_block_types as block_out_channels (${levels})`];
  return layoutFaults(encoderLayoutOf(config), config, config.block_out_channels.at(-1) as number);
};

/** The schema of a whole configuration. */
export const unet2dSchema = z.preprocess(fromDiffusers, unet2dFields).superRefine((config, context) => {
  for (const message of faultsOf(config))
    context.addIssue({ code: "custom", message: `expected ${message}` });
});

/** The schema of a whole configuration of what only goes down. */
export const unet2dEncoderSchema = z
  .preprocess(fromDiffusers, unet2dEncoderFields)
  .superRefine((config, context) => {
    for (const message of encoderFaults(config))
      context.addIssue({ code: "custom", message: `expected ${message}` });
  });
