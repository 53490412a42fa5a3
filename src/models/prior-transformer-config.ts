import { z } from "zod";
import { type Activation, activations } from "../nn/index.ts";
import { count, word } from "./unet-2d-config.ts";
import { fromDiffusers } from "./unet-2d-schema.ts";

const fields = z.strictObject({
  num_attention_heads: count.default(32),
  attention_head_dim: count.default(64),
  num_layers: count.default(20),
  /** Width of the embedding that is predicted and of the text's states. */
  embedding_dim: count.default(768),
  /** Tokens of the text, or of the embedding where there is no text. */
  num_embeddings: count.default(77),
  /** Tokens beside them that have places. */
  additional_embeddings: z.int().nonnegative().default(4),
  dropout: z.number().min(0).lt(1).default(0),
  time_embed_act_fn: word(...(Object.keys(activations) as Activation[])).default("silu"),
  norm_in_type: word("layer").nullable().default(null),
  embedding_proj_norm_type: word("layer").nullable().default(null),
  /** How the text's states come in; where null there are none, or they have the inner width already. */
  encoder_hid_proj_type: word("linear").nullable().default("linear"),
  /** "prd" ends the tokens with one of its own, whose state is the prediction. */
  added_emb_type: word("prd").nullable().default("prd"),
  /** The inner width when null. */
  time_embed_dim: count.nullable().default(null),
  /** `embedding_dim` when null. */
  embedding_proj_dim: count.nullable().default(null),
  /** `embedding_dim` when null. */
  clip_embed_dim: count.nullable().default(null),
});
export type PriorTransformerConfig = z.output<typeof fields>;

/** diffusers' configuration of `PriorTransformer`, with its keys and defaults (0.42). What this does not know is refused. */
export const priorTransformerSchema = z.preprocess(fromDiffusers, fields);
