export { Batches, type BatchesOptions, type BatchesState } from "./batches.ts";
export { type Dataset, makeDataset, type Skipped, selectImages } from "./dataset.ts";
export { defaultCacheFolder } from "./dataset-cache.ts";
export { openDigits } from "./digits.ts";
export { type IdxOptions, openIdx } from "./idx-files.ts";
export { type ImageFolderOptions, type OpenOptions, openImageFolder } from "./image-folder.ts";
export { toPixels, toUnit } from "./pixels.ts";
export { type DataSpec, dataSchema, openDataset } from "./schema.ts";
export { split } from "./split.ts";
