export {
  type SuperResolution,
  type SuperResolutionConditions,
  superResolution,
} from "./super-resolution.ts";
export { type TimeMlpConfig, timeMlp, timeMlpFields } from "./time-mlp.ts";
export { type UNet2D, type UNet2DConditions, unet2d } from "./unet-2d.ts";
export {
  type UNet2DConfig,
  type UNet2DConfigInput,
  type UNet2DEncoderConfig,
  unet2dEncoderFields,
  unet2dFields,
} from "./unet-2d-config.ts";
export { type UNet2DEncoder, unet2dEncoder } from "./unet-2d-encoder.ts";
export { unet2dEncoderSchema, unet2dSchema } from "./unet-2d-schema.ts";
