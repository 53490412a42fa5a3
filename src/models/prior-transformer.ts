import { type Generator, NDArray, type Shape, ShapeError, sameShape, showShape } from "../base/index.ts";
import { activations, layerNorm, linear, sinusoids } from "../nn/index.ts";
import { broadcastTo, cast, concat, Parameter, pad, slice, type Tensor } from "../tensor/index.ts";
import { causalMask } from "./masked-attention.ts";
import { priorBlock } from "./prior-transformer-block.ts";
import type { PriorTransformerConfig } from "./prior-transformer-config.ts";

/** What the prior is told beside the noisy embedding and its time. */
export interface PriorInputs {
  /** Of a whole text, or of an image, [n, embedding_proj_dim]. */
  readonly projEmbedding: Tensor;
  /** The text's states, [n, num_embeddings, embedding_dim]. */
  readonly encoderHiddenStates?: Tensor | undefined;
  /** 1 (or true) for tokens of the text and 0 for its padding, [n, num_embeddings]. Without it every token sees all others. */
  readonly attentionMask?: Tensor | undefined;
}

/** What diffusers adds to the scores of tokens that are not to be seen. */
const HIDDEN = -10000;

const timeEmbedding = (random: Generator, width: number, config: PriorTransformerConfig) => {
  const between = config.time_embed_dim ?? width;
  const linear_1 = linear(random, width, between);
  const linear_2 = linear(random, between, width);
  const activation = activations[config.time_embed_act_fn];
  const forward = (timestep: Tensor): Tensor => {
    const waves = sinusoids(timestep, width, { flip: true, shift: 0 });
    return linear_2.forward(activation(linear_1.forward(waves)));
  };
  return { linear_1, linear_2, forward };
};

/** [n, 1, tokens, tokens] to add to scores: no token sees a later one, or the text's padding. */
const maskOf = (shown: Tensor, additional: number): Tensor => {
  const [n = 0, text = 0] = shown.shape;
  const hidden = cast(shown, "float32").neg().add(1).mul(HIDDEN);
  const tokens = text + additional;
  const rows = pad(hidden, [0, 0], [0, additional]).reshape([n, 1, 1, tokens]);
  return rows.add(causalMask(tokens, HIDDEN));
};

/** Vectors [n, width] as one token each; rows [n, tokens, width] as they are. */
const asTokens = (x: Tensor): Tensor => {
  const [n = 0, width = 0] = x.shape;
  return x.shape.length === 2 ? x.reshape([n, 1, width]) : x;
};

const zeros = (...shape: number[]) => new Parameter(NDArray.zeros(shape));
const tokensIn = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { shape }) => sum + (shape[1] as number), 0);

/** What makes tokens [n, tokens, width] of all inputs: text, projected embedding, time, then what has noise. */
const stem = (random: Generator, config: PriorTransformerConfig, width: number) => {
  const { embedding_dim } = config;
  const projWidth = config.embedding_proj_dim ?? embedding_dim;
  const time_embedding = timeEmbedding(random, width, config);
  const proj_in = linear(random, embedding_dim, width);
  const embedding_proj_norm = config.embedding_proj_norm_type ? layerNorm(projWidth) : undefined;
  const embedding_proj = linear(random, projWidth, width);
  const encoder_hidden_states_proj = config.encoder_hid_proj_type
    ? linear(random, embedding_dim, width)
    : undefined;
  const positional_embedding = zeros(1, config.num_embeddings + config.additional_embeddings, width);
  const prd_embedding = config.added_emb_type ? zeros(1, 1, width) : undefined;
  return {
    parts: {
      time_embedding,
      proj_in,
      ...(embedding_proj_norm && { embedding_proj_norm }),
      embedding_proj,
      ...(encoder_hidden_states_proj && { encoder_hidden_states_proj }),
      positional_embedding,
      ...(prd_embedding && { prd_embedding }),
    },
    /** The tokens, and how many of them come before those that have noise. */
    forward(hidden: Tensor, timestep: Tensor, { projEmbedding, encoderHiddenStates }: PriorInputs) {
      const states =
        encoderHiddenStates &&
        (encoder_hidden_states_proj?.forward(encoderHiddenStates) ?? encoderHiddenStates);
      const projected = embedding_proj.forward(embedding_proj_norm?.forward(projEmbedding) ?? projEmbedding);
      const ahead = [
        ...(states ? [states] : []),
        asTokens(projected),
        asTokens(time_embedding.forward(timestep)),
      ];
      const behind = prd_embedding ? [broadcastTo(prd_embedding, [hidden.shape[0] as number, 1, width])] : [];
      const all = concat([...ahead, asTokens(proj_in.forward(hidden)), ...behind], 1);
      const before = tokensIn(ahead);
      return { tokens: all.add(placesFor(positional_embedding, all, before, behind.length)), before };
    },
  };
};

/** Places for every token: zeros for those beside what has noise, where there are places for that alone. */
const placesFor = (places: Tensor, all: Tensor, before: number, behind: number): Tensor => {
  const [count, tokens] = [tokensIn([places]), tokensIn([all])];
  if (count === tokens) return places;
  if (count + before + behind === tokens) return pad(places, [0, before, 0], [0, behind, 0]);
  throw new ShapeError({
    who: "priorTransformer",
    expected: `${count} tokens, as many as num_embeddings and additional_embeddings`,
    got: String(tokens),
  });
};

/**
 * diffusers' `PriorTransformer` (Ramesh et al. 2022, section 2.2): its keys are that model's parameter names. `forward`
 * takes noisy embeddings [n, embedding_dim], times float32 [n] and what they are of, and gives the embeddings
 * [n, clip_embed_dim] without noise; where `added_emb_type` is null both have tokens, [n, num_embeddings, …].
 * @throws ShapeError when the inputs are of other shapes
 */
export const priorTransformer = (config: PriorTransformerConfig, random: Generator) => {
  const { num_attention_heads: heads, attention_head_dim: headWidth } = config;
  const width = heads * headWidth;
  const outWidth = config.clip_embed_dim ?? config.embedding_dim;
  const { parts, forward: tokensOf } = stem(random, config, width);
  const transformer_blocks = Array.from({ length: config.num_layers }, () =>
    priorBlock(random, { heads, headWidth }),
  );
  const norm_in = config.norm_in_type ? layerNorm(width) : undefined;
  const norm_out = layerNorm(width);
  const proj_to_clip_embeddings = linear(random, width, outWidth);
  const clip_mean = zeros(1, outWidth);
  const clip_std = zeros(1, outWidth);
  return {
    config,
    ...parts,
    transformer_blocks,
    ...(norm_in && { norm_in }),
    norm_out,
    proj_to_clip_embeddings,
    clip_mean,
    clip_std,
    forward(hidden: Tensor, timestep: Tensor, inputs: PriorInputs): Tensor {
      checkInputs(config, hidden, inputs);
      const { tokens, before } = tokensOf(hidden, timestep, inputs);
      const mask = inputs.attentionMask && maskOf(inputs.attentionMask, config.additional_embeddings);
      const rows = norm_in ? norm_in.forward(tokens) : tokens;
      const mixed = transformer_blocks.reduce((x, block) => block.forward(x, mask), rows);
      const states = norm_out.forward(mixed);
      const count = tokensIn([states]);
      if (!config.added_emb_type) return proj_to_clip_embeddings.forward(slice(states, 1, before, count));
      const last = slice(states, 1, count - 1, count).reshape([hidden.shape[0] as number, width]);
      return proj_to_clip_embeddings.forward(last);
    },
    /** What a chain over this network ends with, [n, clip_embed_dim], in the scale of CLIP's image embeddings. */
    unscale: (embeds: NDArray): NDArray => embeds.mul(clip_std.value).add(clip_mean.value),
  };
};
export type PriorTransformer = ReturnType<typeof priorTransformer>;

const checkInputs = (config: PriorTransformerConfig, hidden: Tensor, inputs: PriorInputs): void => {
  const { embedding_dim, num_embeddings, num_attention_heads: heads, attention_head_dim } = config;
  const n = hidden.shape[0] ?? 0;
  const wantsStates = config.encoder_hid_proj_type !== null;
  const states = [n, num_embeddings, wantsStates ? embedding_dim : heads * attention_head_dim];
  const { projEmbedding, encoderHiddenStates, attentionMask } = inputs;
  check(
    "noisy embeddings",
    hidden,
    config.added_emb_type ? [n, embedding_dim] : [n, num_embeddings, embedding_dim],
  );
  check("projEmbedding", projEmbedding, [n, config.embedding_proj_dim ?? embedding_dim]);
  if (wantsStates || encoderHiddenStates) check("encoderHiddenStates", encoderHiddenStates, states);
  if (attentionMask) check("attentionMask", attentionMask, [n, num_embeddings]);
};

const check = (what: string, got: Tensor | undefined, wanted: Shape): void => {
  if (got && sameShape(got.shape, wanted)) return;
  throw new ShapeError({
    who: `priorTransformer, ${what}`,
    expected: showShape(wanted),
    got: got ? showShape(got.shape) : "none",
  });
};
