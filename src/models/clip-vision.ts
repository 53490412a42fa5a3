import { type Generator, ShapeError, showShape } from "../base/index.ts";
import { embedding, layerNorm, projection } from "../nn/index.ts";
import { broadcastTo, concat, conv2d, Parameter, slice, type Tensor } from "../tensor/index.ts";
import type { ClipVisionConfig } from "./clip-config.ts";
import { clipEncoder } from "./clip-encoder.ts";

export interface ClipVisionStates {
  /** After the last layer, [n, patches + 1, hidden_size]; `post_layernorm` is for what is pooled. */
  readonly lastHiddenState: Tensor;
  /** After `pre_layrnorm`, then after each layer, [n, patches + 1, hidden_size]. */
  readonly hiddenStates: readonly Tensor[];
  /** What the class token has at the end, normalised, [n, hidden_size]. */
  readonly pooled: Tensor;
  /** [n, projection_dim]. */
  readonly imageEmbeds: Tensor;
}

const patchEmbedding = (
  random: Generator,
  { num_channels, hidden_size, patch_size: side }: ClipVisionConfig,
) => {
  const bound = 1 / Math.sqrt(num_channels * side * side);
  const weight = new Parameter(random.symmetric([hidden_size, num_channels, side, side], bound));
  const forward = (x: Tensor): Tensor =>
    conv2d(x, weight, undefined, { stride: side, padding: [0, 0, 0, 0] });
  return { weight, forward };
};

/** A row for each patch behind one of its own, [n, patches + 1, hidden_size], and where each lies. */
const visionEmbeddings = (random: Generator, config: ClipVisionConfig) => {
  const width = config.hidden_size;
  const patches = Math.floor(config.image_size / config.patch_size) ** 2;
  const class_embedding = new Parameter(random.normal([width]).div(Math.sqrt(width)));
  const patch_embedding = patchEmbedding(random, config);
  const position_embedding = embedding(random, patches + 1, width);
  return {
    class_embedding,
    patch_embedding,
    position_embedding,
    forward(pixels: Tensor): Tensor {
      const n = pixels.shape[0] as number;
      const rows = patch_embedding.forward(pixels).reshape([n, width, patches]).transpose([0, 2, 1]);
      const first = broadcastTo(class_embedding.reshape([1, 1, width]), [n, 1, width]);
      return concat([first, rows], 1).add(position_embedding.weight);
    },
  };
};

const visionModel = (random: Generator, config: ClipVisionConfig) => {
  const { hidden_size: width, layer_norm_eps: eps } = config;
  const embeddings = visionEmbeddings(random, config);
  const pre_layrnorm = layerNorm(width, eps);
  const encoder = clipEncoder(random, config);
  const post_layernorm = layerNorm(width, eps);
  return {
    embeddings,
    pre_layrnorm,
    encoder,
    post_layernorm,
    forward(pixels: Tensor): Omit<ClipVisionStates, "imageEmbeds"> {
      checkPixels(pixels, config);
      const hiddenStates = encoder.forward(pre_layrnorm.forward(embeddings.forward(pixels)));
      const lastHiddenState = hiddenStates.at(-1) as Tensor;
      const ofClass = slice(lastHiddenState, 1, 0, 1).reshape([pixels.shape[0] as number, width]);
      return { lastHiddenState, hiddenStates, pooled: post_layernorm.forward(ofClass) };
    },
  };
};

const checkPixels = ({ shape, dtype }: Tensor, { num_channels, image_size }: ClipVisionConfig): void => {
  const wanted = [shape[0] ?? 1, num_channels, image_size, image_size];
  if (dtype === "float32" && showShape(shape) === showShape(wanted)) return;
  throw new ShapeError({
    who: "CLIPVisionModelWithProjection",
    expected: `pixels float32[n, ${num_channels}, ${image_size}, ${image_size}]`,
    got: `${dtype}${showShape(shape)}`,
  });
};

/**
 * transformers' `CLIPVisionModelWithProjection` (Radford et al. 2021; the vision transformer of Dosovitskiy et al.
 * 2021): its keys are the parameters' names in checkpoints. It takes normalised pixels [n, 3, image_size, image_size];
 * others are a ShapeError. Weights are meant to be loaded: give it `blank` for its random numbers.
 */
export const clipVisionModelWithProjection = (config: ClipVisionConfig, random: Generator) => {
  const vision_model = visionModel(random, config);
  const visual_projection = projection(random, config.hidden_size, config.projection_dim);
  return {
    config,
    vision_model,
    visual_projection,
    forward(pixels: Tensor): ClipVisionStates {
      const states = vision_model.forward(pixels);
      return { ...states, imageEmbeds: visual_projection.forward(states.pooled) };
    },
  };
};
export type ClipVisionModelWithProjection = ReturnType<typeof clipVisionModelWithProjection>;
