export { checkComponent } from "./component-support.ts";
export { type FileSourceOptions, fileSource } from "./file-source.ts";
export { type Footprint, footprint, type TensorTotals, totalBytes, totalsOf } from "./footprint.ts";
export { forecastPicture, measureRate, type PictureForecast, weightBytes } from "./forecast.ts";
export type { Generation } from "./generation.ts";
export { type ImageProcessor, openImageProcessor } from "./image-processor.ts";
export { importedPipeline } from "./import-pipeline.ts";
export { type LatentCodec, openLatentCodec } from "./latent-codec.ts";
export { applyLoras, loraParts, type WeightedLora } from "./lora.ts";
export { loraBase } from "./lora-base.ts";
export type { LoraFile } from "./lora-file.ts";
export { type LoraPart, otherMethod, readLoraName } from "./lora-names.ts";
export type { WordFile } from "./open-conditioning.ts";
export { openPipeline, type Pipeline, type PipelineOptions } from "./open-pipeline.ts";
export { missingFiles, openSource, type SourceOptions } from "./open-source.ts";
export { folderSource, type PipelineSource, spareParts } from "./pipeline-source.ts";
export type { PictureRequest } from "./request.ts";
export type { Scheduling } from "./scheduling.ts";
export { type Source, type SourceKind, sourceWords } from "./source.ts";
export { faultWords, type Support, supportOf } from "./support.ts";
export {
  addTokens,
  expandTokens,
  readTextualInversion,
  type TextEncoderPart,
  type TextualInversion,
  type TextualInversionOptions,
  textualInversion,
  textualInversionBase,
  tokensOf,
  type WithTokens,
} from "./textual-inversion.ts";
export { type Tiling, tiled } from "./tiling.ts";
export { openTokenizer, type TokenizedText, type Tokenizer } from "./tokenizer.ts";
export { openDiffusersUnet, type Unconditional, type UnconditionalRequest } from "./unconditional.ts";
