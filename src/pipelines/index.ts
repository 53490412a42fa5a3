export { type ImageProcessor, openImageProcessor } from "./image-processor.ts";
export { applyLoras, loraParts, type WeightedLora } from "./lora.ts";
export { loraBase } from "./lora-base.ts";
export type { LoraFile } from "./lora-file.ts";
export type { LoraPart } from "./lora-names.ts";
export {
  addTokens,
  expandTokens,
  readTextualInversion,
  type TextEncoderPart,
  type TextualInversion,
  type TextualInversionOptions,
  textualInversion,
  tokensOf,
  type WithTokens,
} from "./textual-inversion.ts";
export { openTokenizer, type TokenizedText, type Tokenizer } from "./tokenizer.ts";
