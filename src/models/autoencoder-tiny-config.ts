import { z } from "zod";
import { type Activation, activations } from "../nn/index.ts";
import { withoutNotes } from "./autoencoder-kl-config.ts";
import { count, word } from "./unet-2d-config.ts";

const widths = z.array(count).min(1).default([64, 64, 64, 64]);
const blocks = (numbers: readonly number[]) =>
  z
    .array(z.int().nonnegative())
    .min(1)
    .default([...numbers]);

/**
 * diffusers' configuration of `AutoencoderTiny`, with its keys and defaults (0.42). What this does not know is refused.
 */
export const autoencoderTinyFields = z.strictObject({
  in_channels: count.default(3),
  out_channels: count.default(3),
  /** One for each level; all alike. */
  encoder_block_out_channels: widths,
  decoder_block_out_channels: widths,
  act_fn: word(...(Object.keys(activations) as Activation[])).default("relu"),
  upsample_fn: word("nearest").default("nearest"),
  latent_channels: count.default(4),
  upsampling_scaling_factor: count.default(2),
  /** Residual blocks of each level. */
  num_encoder_blocks: blocks([1, 3, 3, 3]),
  num_decoder_blocks: blocks([3, 3, 3, 1]),
  /** Latents from minus to plus this, around `latent_shift`, are told apart where they are kept as bytes. */
  latent_magnitude: z.number().positive().default(3),
  latent_shift: z.number().default(0.5),
  /** Of half precision alone. */
  force_upcast: z.boolean().default(false),
  scaling_factor: z.number().positive().default(1),
  shift_factor: z.number().default(0),
  /** A copy of `decoder_block_out_channels`, which diffusers writes. */
  block_out_channels: z.array(count).optional(),
});
export type AutoencoderTinyConfig = z.output<typeof autoencoderTinyFields>;

const halfFaults = (half: "encoder" | "decoder", config: AutoencoderTinyConfig): string[] => {
  const [first, ...others] = config[`${half}_block_out_channels`];
  const numbers = config[`num_${half}_blocks`];
  const other = others.find((width) => width !== first);
  return [
    ...(numbers.length === others.length + 1
      ? []
      : [`as many num_${half}_blocks as ${half}_block_out_channels (${others.length + 1})`]),
    ...(other === undefined
      ? []
      : [`${half}_block_out_channels that are all the same, not ${first} and ${other}`]),
  ];
};

/** The schema of a whole configuration. */
export const autoencoderTinySchema = z
  .preprocess(withoutNotes, autoencoderTinyFields)
  .superRefine((config, context) => {
    for (const message of [...halfFaults("encoder", config), ...halfFaults("decoder", config)])
      context.addIssue({ code: "custom", message: `expected ${message}` });
  });
