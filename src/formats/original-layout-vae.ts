import { moduleOf, type OriginalPart, type Renaming } from "./original-layout-rule.ts";
import type { Section } from "./original-layout-section.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** What no tensor says of an autoencoder: side of the images, and the factor of latents. */
interface VaeGiven {
  readonly sample_size: number;
  readonly scaling_factor: number;
  readonly force_upcast?: boolean;
}

/** Configuration and names of diffusers' `AutoencoderKL` from an original autoencoder. */
export const readVae =
  (given: VaeGiven) =>
  (vae: Section): OriginalPart => {
    const levels = Math.max(1, vae.count("encoder.down."));
    const layers = Math.max(1, vae.count("encoder.down.0.block."));
    const widths = upTo(levels).map((level) => vae.size(`encoder.down.${level}.block.0.conv1.weight`, 0));
    return {
      config: {
        _class_name: "AutoencoderKL",
        ...given,
        in_channels: vae.size("encoder.conv_in.weight", 1),
        out_channels: vae.size("decoder.conv_out.weight", 0),
        latent_channels: vae.size("decoder.conv_in.weight", 1),
        block_out_channels: widths,
        layers_per_block: layers,
        down_block_types: widths.map(() => "DownEncoderBlock2D"),
        up_block_types: widths.map(() => "UpDecoderBlock2D"),
      },
      rules: vae.rules([
        ...half("encoder", vae),
        ...encoderLevels(widths, layers),
        ...half("decoder", vae),
        ...decoderLevels(widths, layers),
        ...moduleOf("quant_conv", "quant_conv"),
        ...moduleOf("post_quant_conv", "post_quant_conv"),
      ]),
    };
  };

/** What encoder and decoder both have: their ends and the middle. */
const half = (name: "encoder" | "decoder", vae: Section): Renaming[] => [
  ...moduleOf(`${name}.conv_in`, `${name}.conv_in`),
  ...residual(`${name}.mid_block.resnets.0`, `${name}.mid.block_1`),
  ...attention(`${name}.mid_block.attentions.0`, `${name}.mid.attn_1`, vae),
  ...residual(`${name}.mid_block.resnets.1`, `${name}.mid.block_2`),
  ...moduleOf(`${name}.conv_norm_out`, `${name}.norm_out`),
  ...moduleOf(`${name}.conv_out`, `${name}.conv_out`),
];

const encoderLevels = (widths: readonly number[], layers: number): Renaming[] =>
  widths.flatMap((width, level) => {
    const [to, from] = [`encoder.down_blocks.${level}`, `encoder.down.${level}`];
    const before = widths[level - 1] ?? widths[0];
    return [
      ...blocks(to, from, { layers, changesWidth: before !== width }),
      ...(level < widths.length - 1 ? moduleOf(`${to}.downsamplers.0.conv`, `${from}.downsample.conv`) : []),
    ];
  });

/** The original decoder counts its levels from the last. */
const decoderLevels = (widths: readonly number[], layers: number): Renaming[] =>
  widths.toReversed().flatMap((width, block, down) => {
    const [to, from] = [`decoder.up_blocks.${block}`, `decoder.up.${widths.length - 1 - block}`];
    const before = down[block - 1] ?? down[0];
    return [
      ...blocks(to, from, { layers: layers + 1, changesWidth: before !== width }),
      ...(block < widths.length - 1 ? moduleOf(`${to}.upsamplers.0.conv`, `${from}.upsample.conv`) : []),
    ];
  });

const blocks = (
  to: string,
  from: string,
  { layers, changesWidth }: { readonly layers: number; readonly changesWidth: boolean },
): Renaming[] =>
  upTo(layers).flatMap((layer) => [
    ...residual(`${to}.resnets.${layer}`, `${from}.block.${layer}`),
    ...(layer === 0 && changesWidth
      ? moduleOf(`${to}.resnets.0.conv_shortcut`, `${from}.block.0.nin_shortcut`)
      : []),
  ]);

const residual = (to: string, from: string): Renaming[] =>
  ["norm1", "conv1", "norm2", "conv2"].flatMap((name) => moduleOf(`${to}.${name}`, `${from}.${name}`));

/** Projections that the original writes as convolutions, and some files as matrices. */
const attention = (to: string, from: string, vae: Section): Renaming[] => [
  ...moduleOf(`${to}.group_norm`, `${from}.norm`),
  ...projections.flatMap(([ours, theirs]) =>
    moduleOf(`${to}.${ours}`, `${from}.${theirs}`).map(
      ([target, rule]): Renaming =>
        vae.rank(rule.source) === 4 ? [target, { ...rule, take: { kind: "squeezed" } }] : [target, rule],
    ),
  ),
];

const projections = [
  ["to_q", "q"],
  ["to_k", "k"],
  ["to_v", "v"],
  ["to_out.0", "proj_out"],
] as const;
