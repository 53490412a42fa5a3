import { type Generator, NDArray, ShapeError, showShape } from "../base/index.ts";
import { embedding, layerNorm, projection } from "../nn/index.ts";
import { cast, constant, equal, slice, type Tensor, where } from "../tensor/index.ts";
import type { ClipTextConfig } from "./clip-config.ts";
import { clipEncoder } from "./clip-encoder.ts";
import { causalMask } from "./masked-attention.ts";

export interface ClipTextStates {
  /** After the last layer and `final_layer_norm`, [n, tokens, hidden_size]. */
  readonly lastHiddenState: Tensor;
  /** Before the first layer, then after each of them, [n, tokens, hidden_size]; no norm comes after the last. */
  readonly hiddenStates: readonly Tensor[];
  /** What `lastHiddenState` has at the end of the text, [n, hidden_size]. */
  readonly pooled: Tensor;
}

const textEmbeddings = (random: Generator, config: ClipTextConfig) => {
  const { hidden_size: width, max_position_embeddings: places } = config;
  const token_embedding = embedding(random, config.vocab_size, width);
  const position_embedding = embedding(random, places, width);
  return {
    token_embedding,
    position_embedding,
    forward(inputIds: Tensor): Tensor {
      const [n = 0, tokens = 0] = inputIds.shape;
      const rows = token_embedding.forward(inputIds.reshape([n * tokens]));
      return rows.reshape([n, tokens, width]).add(slice(position_embedding.weight, 0, 0, tokens));
    },
  };
};

const textModel = (random: Generator, config: ClipTextConfig) => {
  const { hidden_size: width, eos_token_id } = config;
  const embeddings = textEmbeddings(random, config);
  const encoder = clipEncoder(random, config);
  const final_layer_norm = layerNorm(width, config.layer_norm_eps);
  return {
    embeddings,
    encoder,
    final_layer_norm,
    forward(inputIds: Tensor): ClipTextStates {
      checkIds(inputIds, config);
      const [n = 0, tokens = 0] = inputIds.shape;
      const mask = causalMask(tokens, HIDDEN);
      const hiddenStates = encoder.forward(embeddings.forward(inputIds), mask);
      const lastHiddenState = final_layer_norm.forward(hiddenStates.at(-1) as Tensor);
      const chosen = endOfText(inputIds, eos_token_id).reshape([n, 1, tokens]);
      return { lastHiddenState, hiddenStates, pooled: chosen.matmul(lastHiddenState).reshape([n, width]) };
    },
  };
};

/** Of scores, where the weight that a softmax leaves is 0 in float32. */
const HIDDEN = -3e38;

/** What configurations had before transformers 4.31, whatever the token's number was (transformers, pull request 24773). */
const UNTRUE_EOS = 2;

/**
 * 1 at the first token of the number, or at the first of the highest number where configurations do not know it, else
 * 0: [n, tokens]. Where there is none it is the first token, as in transformers.
 */
const endOfText = (inputIds: Tensor, eos: number): Tensor => {
  const [, tokens = 0] = inputIds.shape;
  const ids = cast(inputIds, "float32");
  const found = equal(ids, eos === UNTRUE_EOS ? ids.max([1], true) : constant(eos));
  const descending = (from: number) =>
    constant(NDArray.of(Array.from({ length: tokens }, (_, i) => from - i)));
  const marks = where(found, descending(2 * tokens), descending(tokens));
  return cast(equal(marks, marks.max([1], true)), "float32");
};

const checkIds = ({ shape, dtype }: Tensor, { max_position_embeddings: most }: ClipTextConfig): void => {
  const [, tokens = 0] = shape;
  if (shape.length === 2 && dtype === "int32" && tokens > 0 && tokens <= most) return;
  throw new ShapeError({
    who: "CLIPTextModel",
    expected: `numbers of tokens int32[n, 1 to ${most}]`,
    got: `${dtype}${showShape(shape)}`,
  });
};

/**
 * transformers' `CLIPTextModel` (Radford et al. 2021): its keys are the parameters' names in checkpoints. `forward` takes
 * the numbers of tokens, int32 [n, tokens]; others, or too many, are a ShapeError. Weights are meant to be loaded: give
 * it `blank` for its random numbers.
 */
export const clipTextModel = (config: ClipTextConfig, random: Generator) => {
  const text_model = textModel(random, config);
  return { config, text_model, forward: text_model.forward };
};
export type ClipTextModel = ReturnType<typeof clipTextModel>;

/**
 * transformers' `CLIPTextModelWithProjection`: {@link clipTextModel}, and `textEmbeds` [n, projection_dim] from what is
 * pooled.
 */
export const clipTextModelWithProjection = (config: ClipTextConfig, random: Generator) => {
  const text_model = textModel(random, config);
  const text_projection = projection(random, config.hidden_size, config.projection_dim);
  return {
    config,
    text_model,
    text_projection,
    forward(inputIds: Tensor): ClipTextStates & { readonly textEmbeds: Tensor } {
      const states = text_model.forward(inputIds);
      return { ...states, textEmbeds: text_projection.forward(states.pooled) };
    },
  };
};
export type ClipTextModelWithProjection = ReturnType<typeof clipTextModelWithProjection>;
