import { z } from "zod";
import { autoencoderFaults, autoencoderFields, withoutNotes } from "./autoencoder-kl-config.ts";
import { count, word } from "./unet-2d-config.ts";

/** diffusers' configuration of `VQModel`, with its keys and defaults (0.42). What this does not know is refused. */
export const vqModelFields = z.strictObject({
  ...autoencoderFields,
  latent_channels: count.default(3),
  /** Entries of the codebook. */
  num_vq_embeddings: count.default(256),
  /** Channels of an entry; as many as latents have when null. */
  vq_embed_dim: count.nullable().default(null),
  norm_type: word("group").default("group"),
  /** Whether those who use it decode numbers of entries and not latents. */
  lookup_from_codebook: z.boolean().default(false),
  force_upcast: z.union([z.boolean(), z.number()]).default(false),
});
export type VQModelConfig = z.output<typeof vqModelFields>;

/** The schema of a whole configuration. */
export const vqModelSchema = z.preprocess(withoutNotes, vqModelFields).superRefine((config, context) => {
  for (const message of autoencoderFaults(config))
    context.addIssue({ code: "custom", message: `expected ${message}` });
});
