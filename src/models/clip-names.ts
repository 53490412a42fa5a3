/** What the two models hold, as named in checkpoints of transformers 5 that leave the model's own name out. */
const inner = /^(embeddings|encoder|final_layer_norm|pre_layrnorm|post_layernorm)\./;

/** Numbers 0, 1, 2, … that transformers saved before its version 4.31. */
const counted = /(^|\.)embeddings\.position_ids$/;

/**
 * The name here of a tensor in a checkpoint of a text or vision model; undefined for a buffer that is left aside.
 * transformers 5 writes `embeddings.…` for a model without projection, and `text_model.embeddings.…` for one with it;
 * versions before always wrote the latter.
 */
export const clipTensorName = (model: "text_model" | "vision_model", name: string): string | undefined => {
  if (counted.test(name)) return undefined;
  return inner.test(name) ? `${model}.${name}` : name;
};
