import { moduleOf, type Renaming, type Shapes, weightOf } from "./original-layout-rule.ts";
import { Section } from "./original-layout-section.ts";

/** What decides the names of a U-Net's tensors. Levels are counted from the widest images. */
export interface UNetStructure {
  /** Channels of each level. */
  readonly widths: readonly number[];
  /** Residual blocks of each level on the way down. */
  readonly layers: number;
  /** Transformer layers of each level, 0 without attention. */
  readonly depths: readonly number[];
  /** Transformer layers between the ways down and up. */
  readonly middleDepth: number;
  /** What is embedded beside the time: nothing, a number looked up in a table, or a vector. */
  readonly embeds: "nothing" | "number" | "vector";
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** @throws never: what is missing is a fault of the section */
export const readUNetStructure = (unet: Section): UNetStructure => {
  const blocks = upTo(unet.count("input_blocks.")).slice(1);
  const isDownsampler = (n: number) => unet.has(`input_blocks.${n}.0.op.weight`);
  const levels = blocks.filter(isDownsampler).length + 1;
  const layers = Math.max(1, Math.ceil((blocks.length - levels + 1) / levels));
  const firstOf = (level: number) => 1 + level * (layers + 1);
  const depth = (place: string) => unet.count(`${place}.transformer_blocks.`);
  return {
    widths: upTo(levels).map((level) => unet.size(`input_blocks.${firstOf(level)}.0.out_layers.3.weight`, 0)),
    layers,
    depths: upTo(levels).map((level) =>
      Math.max(...upTo(layers).map((layer) => depth(`input_blocks.${firstOf(level) + layer}.1`))),
    ),
    middleDepth: Math.max(1, depth("middle_block.1")),
    embeds: unet.has("label_emb.weight") ? "number" : unet.has("label_emb.0.0.weight") ? "vector" : "nothing",
  };
};

/** What the tensors of a diffusers U-Net are called in the original `UNetModel`, by their names in diffusers. */
export const originalUNetNames = (shapes: Shapes): ReadonlyMap<string, string> => {
  const unet = new Section(shapes, "", new Set());
  const levels = upTo(unet.count("down_blocks."));
  const depth = (place: string) => unet.count(`${place}.attentions.0.transformer_blocks.`);
  const renamings = unetRenamings({
    widths: levels.map((level) => unet.size(`down_blocks.${level}.resnets.0.conv1.weight`, 0)),
    layers: unet.count("down_blocks.0.resnets."),
    depths: levels.map((level) => depth(`down_blocks.${level}`)),
    middleDepth: depth("mid_block"),
    embeds: unet.has("add_embedding.linear_1.weight") ? "vector" : "nothing",
  });
  return new Map(renamings.map(([target, { source }]) => [target, source]));
};

/**
 * Names of a U-Net's tensors in diffusers' `UNet2DConditionModel` and in the original `UNetModel`, which numbers what
 * stands in a row: the first convolution, then for each level its residual blocks and the halving of the image.
 */
export const unetRenamings = (structure: UNetStructure): readonly Renaming[] => [
  ...moduleOf("conv_in", "input_blocks.0.0"),
  ...moduleOf("time_embedding.linear_1", "time_embed.0"),
  ...moduleOf("time_embedding.linear_2", "time_embed.2"),
  ...embedding(structure),
  ...wayDown(structure),
  ...residual("mid_block.resnets.0", "middle_block.0", false),
  ...transformer("mid_block.attentions.0", "middle_block.1", structure.middleDepth),
  ...residual("mid_block.resnets.1", "middle_block.2", false),
  ...wayUp(structure),
  ...moduleOf("conv_norm_out", "out.0"),
  ...moduleOf("conv_out", "out.2"),
];

const embedding = ({ embeds }: UNetStructure): readonly Renaming[] => {
  if (embeds === "number") return [weightOf("class_embedding", "label_emb")];
  if (embeds === "nothing") return [];
  return [1, 2].flatMap((n) => moduleOf(`add_embedding.linear_${n}`, `label_emb.0.${2 * n - 2}`));
};

const wayDown = ({ widths, layers, depths }: UNetStructure): Renaming[] =>
  widths.flatMap((width, level) => {
    const [to, first] = [`down_blocks.${level}`, 1 + level * (layers + 1)];
    const before = widths[level - 1] ?? widths[0];
    return [
      ...upTo(layers).flatMap((layer) => [
        ...residual(
          `${to}.resnets.${layer}`,
          `input_blocks.${first + layer}.0`,
          layer === 0 && before !== width,
        ),
        ...transformer(`${to}.attentions.${layer}`, `input_blocks.${first + layer}.1`, depths[level] ?? 0),
      ]),
      ...(level < widths.length - 1
        ? moduleOf(`${to}.downsamplers.0.conv`, `input_blocks.${first + layers}.0.op`)
        : []),
    ];
  });

/** One residual block more in each level than on the way down; what came from there is joined to its input. */
const wayUp = ({ widths, layers, depths }: UNetStructure): Renaming[] =>
  depths.toReversed().flatMap((depth, block) => {
    const [to, first] = [`up_blocks.${block}`, block * (layers + 1)];
    const enlarging = `output_blocks.${first + layers}.${depth ? 2 : 1}.conv`;
    return [
      ...upTo(layers + 1).flatMap((layer) => [
        ...residual(`${to}.resnets.${layer}`, `output_blocks.${first + layer}.0`, true),
        ...transformer(`${to}.attentions.${layer}`, `output_blocks.${first + layer}.1`, depth),
      ]),
      ...(block < widths.length - 1 ? moduleOf(`${to}.upsamplers.0.conv`, enlarging) : []),
    ];
  });

const residual = (to: string, from: string, changesWidth: boolean): readonly Renaming[] => [
  ...moduleOf(`${to}.norm1`, `${from}.in_layers.0`),
  ...moduleOf(`${to}.conv1`, `${from}.in_layers.2`),
  ...moduleOf(`${to}.time_emb_proj`, `${from}.emb_layers.1`),
  ...moduleOf(`${to}.norm2`, `${from}.out_layers.0`),
  ...moduleOf(`${to}.conv2`, `${from}.out_layers.3`),
  ...(changesWidth ? moduleOf(`${to}.conv_shortcut`, `${from}.skip_connection`) : []),
];

/** Nothing at depth 0. Inside, both layouts have the same names. */
const transformer = (to: string, from: string, depth: number): readonly Renaming[] =>
  depth === 0
    ? []
    : [
        ...["norm", "proj_in", "proj_out"].flatMap((name) => moduleOf(`${to}.${name}`, `${from}.${name}`)),
        ...upTo(depth).flatMap((layer) => {
          const inside = (name: string) =>
            [
              `${to}.transformer_blocks.${layer}.${name}`,
              `${from}.transformer_blocks.${layer}.${name}`,
            ] as const;
          return [
            ...transformerModules.flatMap((name) => moduleOf(...inside(name))),
            ...projections.map((name) => weightOf(...inside(name))),
          ];
        }),
      ];

const transformerModules = [
  "attn1.to_out.0",
  "attn2.to_out.0",
  "ff.net.0.proj",
  "ff.net.2",
  "norm1",
  "norm2",
  "norm3",
];
const projections = ["attn1", "attn2"].flatMap((name) => ["q", "k", "v"].map((x) => `${name}.to_${x}`));
