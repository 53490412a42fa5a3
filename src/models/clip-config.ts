import { z } from "zod";
import { count, refusal, word } from "./unet-2d-config.ts";

/** What transformers writes into a configuration and no result depends on. */
const harmless: ReadonlySet<string> = new Set([
  ...["architectures", "dtype", "torch_dtype", "transformers_version", "tokenizer_class", "problem_type"],
  ...["initializer_factor", "initializer_range", "dropout", "attention_dropout", "gradient_checkpointing"],
  ...["bos_token_id", "pad_token_id", "sep_token_id", "id2label", "label2id", "tie_word_embeddings"],
  ...["output_attentions", "output_hidden_states", "return_dict", "use_cache", "torchscript"],
]);

const withoutHarmless = (value: unknown): unknown =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !harmless.has(key) && !key.startsWith("_")))
    : value;

const layerFields = {
  hidden_act: word("quick_gelu", "gelu").default("quick_gelu"),
  num_hidden_layers: count.default(12),
  layer_norm_eps: z.number().positive().default(1e-5),
  projection_dim: count.default(512),
};

const textFields = z.strictObject({
  ...layerFields,
  model_type: word("clip_text_model").default("clip_text_model"),
  vocab_size: count.default(49408),
  hidden_size: count.default(512),
  intermediate_size: count.default(2048),
  num_attention_heads: count.default(8),
  max_position_embeddings: count.default(77),
  /** Of the token whose state stands for the text; 2 means the highest number of each text. */
  eos_token_id: z.int(refusal("one token's number")).nonnegative().default(49407),
  /** Whether padding is hidden from the text, which diffusers' pipelines ask for by this key. */
  use_attention_mask: z.literal(false, refusal("false")).default(false),
});
export type ClipTextConfig = z.output<typeof textFields>;

const visionFields = z.strictObject({
  ...layerFields,
  model_type: word("clip_vision_model").default("clip_vision_model"),
  hidden_size: count.default(768),
  intermediate_size: count.default(3072),
  num_attention_heads: count.default(12),
  num_channels: count.default(3),
  /** Sides of the squares, in pixels. */
  image_size: count.default(224),
  patch_size: count.default(32),
});
export type ClipVisionConfig = z.output<typeof visionFields>;

const headFault = ({ hidden_size: width, num_attention_heads: heads }: ClipTextConfig | ClipVisionConfig) =>
  width % heads === 0
    ? undefined
    : `expected hidden_size divisible by num_attention_heads, not ${width} by ${heads}`;

const patchFault = ({ image_size: image, patch_size: patch }: ClipVisionConfig) =>
  image >= patch ? undefined : `expected an image_size of at least the patch_size, not ${image} and ${patch}`;

const refuse = (context: z.RefinementCtx, ...messages: readonly (string | undefined)[]): void => {
  for (const message of messages) if (message) context.addIssue({ code: "custom", message });
};

/**
 * transformers' `CLIPTextConfig`, with its keys and defaults (5.24). Keys that no result depends on are left aside;
 * what else this does not know is refused by its name.
 */
export const clipTextSchema = z
  .preprocess(withoutHarmless, textFields)
  .superRefine((config, context) => refuse(context, headFault(config)));

/** transformers' `CLIPVisionConfig`, as {@link clipTextSchema}. */
export const clipVisionSchema = z
  .preprocess(withoutHarmless, visionFields)
  .superRefine((config, context) => refuse(context, headFault(config), patchFault(config)));
