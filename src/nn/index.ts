export { type Activation, activations, quickGelu } from "./activation.ts";
export { type SelfAttention, type SelfAttentionOptions, selfAttention } from "./attention.ts";
export { type AttentionPoolOptions, attentionPool } from "./attention-pool.ts";
export { blank } from "./blank.ts";
export { DropoutMasks } from "./dropout.ts";
export {
  type Conv2d,
  type ConvOptions,
  conv2d,
  type Embedding,
  embedding,
  type GroupNorm,
  groupNorm,
  type LayerNorm,
  type Linear,
  layerNorm,
  linear,
  type Projection,
  projection,
} from "./layers.ts";
export { Buffer, buffers, leaves, loadState, parameters, stateOf } from "./module.ts";
export { fourierFeatures, type SinusoidOptions, sinusoids, timeEmbedding } from "./time-embedding.ts";
