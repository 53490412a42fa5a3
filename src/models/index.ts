export { attentionTensorName } from "./attention-names.ts";
export { type AutoencoderKl, autoencoderKl } from "./autoencoder-kl.ts";
export { type AutoencoderKlConfig, autoencoderKlSchema } from "./autoencoder-kl-config.ts";
export { type AutoencoderTiny, autoencoderTiny } from "./autoencoder-tiny.ts";
export { type AutoencoderTinyConfig, autoencoderTinySchema } from "./autoencoder-tiny-config.ts";
export { type Classifier, type ClassifierConfig, classifier, classifierSchema } from "./classifier.ts";
export {
  type ClipTextConfig,
  type ClipVisionConfig,
  clipTextSchema,
  clipVisionSchema,
} from "./clip-config.ts";
export { clipTensorName } from "./clip-names.ts";
export {
  type ClipTextModel,
  type ClipTextModelWithProjection,
  type ClipTextStates,
  clipTextModel,
  clipTextModelWithProjection,
} from "./clip-text.ts";
export {
  type ClipVisionModelWithProjection,
  type ClipVisionStates,
  clipVisionModelWithProjection,
} from "./clip-vision.ts";
export { type ConvVaeConfig, convVaeFields, type VaeSizes, vaeDecoder, vaeEncoder } from "./conv-vae.ts";
export { foldedInception, INCEPTION_SIDE, INCEPTION_WIDTH, inceptionV3 } from "./inception-v3.ts";
export { type LatentUnetConfig, latentUnet, latentUnetFields } from "./latent-unet.ts";
export { type PriorInputs, type PriorTransformer, priorTransformer } from "./prior-transformer.ts";
export { type PriorTransformerConfig, priorTransformerSchema } from "./prior-transformer-config.ts";
export {
  type GanSizes,
  type ResnetGanConfig,
  resnetDiscriminator,
  resnetGanFields,
  resnetGenerator,
} from "./resnet-gan.ts";
export {
  type SuperResolution,
  type SuperResolutionConditions,
  superResolution,
} from "./super-resolution.ts";
export {
  type TimeDiscriminatorConfig,
  timeDiscriminator,
  timeDiscriminatorFields,
} from "./time-discriminator.ts";
export { type TimeMlpConfig, timeMlp, timeMlpFields } from "./time-mlp.ts";
export { type UNet2D, type UNet2DConditions, unet2d } from "./unet-2d.ts";
export {
  conditionShapes,
  type UNet2DCondition,
  type UNet2DConditionInputs,
  unet2dCondition,
} from "./unet-2d-condition.ts";
export type { UNet2DConditionConfig } from "./unet-2d-condition-config.ts";
export { unet2dConditionSchema } from "./unet-2d-condition-schema.ts";
export {
  type UNet2DConfig,
  type UNet2DConfigInput,
  type UNet2DEncoderConfig,
  unet2dEncoderFields,
  unet2dFields,
  unet2dRecipeFields,
} from "./unet-2d-config.ts";
export { type UNet2DEncoder, unet2dEncoder } from "./unet-2d-encoder.ts";
export { unet2dEncoderSchema, unet2dSchema } from "./unet-2d-schema.ts";
export { type VQModel, vqModel } from "./vq-model.ts";
export { type VQModelConfig, vqModelSchema } from "./vq-model-config.ts";
