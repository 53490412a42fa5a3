export { append, createFile, makeFolder, writeFolderWhole, writeWhole } from "./atomic.ts";
export { type LineChart, lineChart, type Panel, type Series } from "./chart.ts";
export {
  type Component,
  type ComponentClass,
  type ModelIndex,
  type OpenOptions,
  openComponent,
  openModelFolder,
  readModelIndex,
} from "./diffusers-folder.ts";
export {
  type FolderOptions,
  type NewComponent,
  type NewPipeline,
  writeDiffusersFolder,
  writeModelFolder,
} from "./diffusers-folder-write.ts";
export { enlarge, type GridOptions, imageGrid } from "./grid.ts";
export { fetchFromHub, type HubOptions, type HubProgress, type HubSnapshot, missingFromHub } from "./hub.ts";
export { readIdx } from "./idx.ts";
export {
  type DecodeOptions,
  decodeImage,
  encodeGif,
  encodePng,
  type Filter,
  filters,
  type GifOptions,
  pictureSize,
  resizeImages,
  type Size,
  svgToPixels,
  svgToPng,
} from "./image.ts";
export { type JsonObject, type JsonValue, readJsonObject } from "./json-file.ts";
export { type OnnxFile, readOnnx } from "./onnx.ts";
export { type OnnxFacts, type OnnxValue, readOnnxFacts } from "./onnx-facts.ts";
export {
  isOriginalLayout,
  type OriginalLayout,
  type OriginalLayoutOptions,
  readOriginalLayout,
} from "./original-layout.ts";
export {
  type OriginalPart,
  renameTensors,
  type Shapes,
  type Take,
  type TensorRule,
  type TensorRules,
  takenShape,
  takeTensor,
} from "./original-layout-rule.ts";
export type { Prediction, PredictionChoice } from "./original-layout-scheduler.ts";
export { originalUNetNames } from "./original-layout-unet.ts";
export { type PictureFormat, pictureFormat, pictureFormats } from "./picture-format.ts";
export { arrows, dots, latticeOf, type Mark, type Plane, planeSvg, ticksOf, trails } from "./plane.ts";
export { readPngText, writePngText } from "./png-metadata.ts";
export { type PointChart, type PointFamily, pointChart } from "./point-chart.ts";
export { readSafetensors, type Safetensors, writeSafetensors } from "./safetensors.ts";
export { encodeTensor } from "./safetensors-dtype.ts";
export {
  openSafetensors,
  type ReadProgress,
  readEach,
  type StoredTensor,
  type WeightSource,
  writeSafetensorsFile,
} from "./safetensors-file.ts";
export { openSharded } from "./sharded.ts";
export { escapeXml, fontFamily, inkColour, label, type Placed, powerOfTen } from "./svg-text.ts";
export { encodeEvent, encodeEventVersion, encodeSessionStart, type LoggedEvent } from "./tensorboard.ts";
export { weightFilesAmong } from "./weight-files.ts";
