import { z } from "zod";
import { type Activation, activations } from "../nn/index.ts";
import { count, word } from "./unet-2d-config.ts";

const numbers = z.array(z.number()).nullable().default(null);

/** What configurations of autoencoders in diffusers have in common. */
export const autoencoderFields = {
  in_channels: count.default(3),
  out_channels: count.default(3),
  down_block_types: z.array(word("DownEncoderBlock2D")).min(1).default(["DownEncoderBlock2D"]),
  up_block_types: z.array(word("UpDecoderBlock2D")).min(1).default(["UpDecoderBlock2D"]),
  block_out_channels: z.array(count).min(1).default([64]),
  layers_per_block: count.default(1),
  act_fn: word(...(Object.keys(activations) as Activation[])).default("silu"),
  norm_num_groups: count.default(32),
  /** Of the pictures that it was trained on; tiles are as large. */
  sample_size: z.union([count, z.array(count).min(1)]).default(32),
  /** What latents are multiplied with on their way to a diffusion model, after `shift_factor` is taken off. */
  scaling_factor: z.number().positive().default(0.18215),
  mid_block_add_attention: z.boolean().default(true),
};

/**
 * diffusers' configuration of `AutoencoderKL`, with its keys and defaults (0.42). What this does not know is refused.
 */
export const autoencoderKlFields = z.strictObject({
  ...autoencoderFields,
  latent_channels: count.default(4),
  shift_factor: z.number().nullable().default(null),
  latents_mean: numbers,
  latents_std: numbers,
  /** Of half precision alone. */
  force_upcast: z.union([z.boolean(), z.number()]).default(true),
  use_quant_conv: z.boolean().default(true),
  use_post_quant_conv: z.boolean().default(true),
});
export type AutoencoderKlConfig = z.output<typeof autoencoderKlFields>;

/** Levels, widths and groups of an autoencoder. */
type Levels = Pick<
  AutoencoderKlConfig,
  "block_out_channels" | "norm_num_groups" | "down_block_types" | "up_block_types"
>;

/** What does not fit together in a configuration. */
export const autoencoderFaults = ({
  block_out_channels: widths,
  norm_num_groups: groups,
  ...types
}: Levels): string[] => {
  const uneven = widths.find((width) => width % groups !== 0);
  return [
    ...(types.down_block_types.length === widths.length && types.up_block_types.length === widths.length
      ? []
      : [`as many down_block_types and up_block_types as block_out_channels (${widths.length})`]),
    ...(uneven === undefined ? [] : [`channels divisible by norm_num_groups, not ${uneven} by ${groups}`]),
  ];
};

/** Means and deviations of latents go together, one for each channel. */
const latentFaults = ({ latent_channels: channels, latents_mean, latents_std }: AutoencoderKlConfig) => [
  ...Object.entries({ latents_mean, latents_std }).flatMap(([key, values]) =>
    values && values.length !== channels ? [`${channels} numbers in ${key}, not ${values.length}`] : [],
  ),
  ...((latents_mean === null) === (latents_std === null)
    ? []
    : ["latents_mean and latents_std, or neither of them"]),
];

/** Keys that start with an underscore (`_class_name`) are left aside. */
export const withoutNotes = (value: unknown): unknown =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("_")))
    : value;

/** The schema of a whole configuration. */
export const autoencoderKlSchema = z
  .preprocess(withoutNotes, autoencoderKlFields)
  .superRefine((config, context) => {
    for (const message of [...autoencoderFaults(config), ...latentFaults(config)])
      context.addIssue({ code: "custom", message: `expected ${message}` });
  });
