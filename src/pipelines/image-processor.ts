import { join } from "node:path";
import { z } from "zod";
import { type ArgumentError, FileError, NDArray, parseAs, ShapeError, showShape } from "../base/index.ts";
import { toPixels } from "../data/index.ts";
import { readJsonObject } from "../formats/index.ts";
import { resizeBicubic } from "./bicubic.ts";

const side = z.int().positive();
const sides = z.strictObject({ height: side, width: side });
const square = side.transform((size) => ({ height: size, width: size }));
const shortest = side.transform((size) => ({ shortest_edge: size }));
const colours = z.tuple([z.number(), z.number(), z.number()]);

/** Pillow's number for it. */
const BICUBIC = 3;

/** Of the pictures that CLIP was trained with (Radford et al. 2021). */
const MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
const DEVIATION = [0.26862954, 0.26130258, 0.27577711] as const;

/** Names of classes and of options that no pixel depends on. */
const harmless = {
  image_processor_type: z.unknown().optional(),
  feature_extractor_type: z.unknown().optional(),
  processor_class: z.unknown().optional(),
  do_convert_rgb: z.unknown().optional(),
  _valid_processor_keys: z.unknown().optional(),
};

/**
 * transformers' configuration of `CLIPImageProcessor`, with its keys and defaults (5.24), and `CLIPFeatureExtractor` of
 * before. What this does not know is refused.
 */
export const imageProcessorSchema = z.strictObject({
  ...harmless,
  do_resize: z.boolean().default(true),
  /** The shorter side, or both, in pixels. */
  size: z.union([shortest, z.strictObject({ shortest_edge: side }), sides]).default({ shortest_edge: 224 }),
  resample: z.literal(BICUBIC, { error: () => `expected ${BICUBIC}, bicubic` }).default(BICUBIC),
  do_center_crop: z.boolean().default(true),
  crop_size: z.union([square, sides]).default({ height: 224, width: 224 }),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: colours.default([...MEAN]),
  image_std: colours.default([...DEVIATION]),
});
export type ImageProcessorConfig = z.output<typeof imageProcessorSchema>;

/**
 * Makes of pictures what CLIP sees, [n, 3, height, width]. It takes one picture in pixels, uint8 [h, w, 3], or pictures
 * [n, 3, h, w] in [-1, 1], which are rounded to pixels first.
 * @throws ShapeError for other arrays
 */
export type ImageProcessor = (pictures: NDArray) => NDArray;

/** Reads a folder's preprocessor_config.json. @throws FileError when it is missing, damaged, or asks for something else */
export const openImageProcessor = async (folder: string): Promise<ImageProcessor> => {
  const path = join(folder, "preprocessor_config.json");
  const config = await readJsonObject(path);
  try {
    return imageProcessor(
      parseAs(imageProcessorSchema, config, { who: path, expected: "CLIP's image processor" }),
    );
  } catch (cause) {
    const { got } = cause as ArgumentError;
    throw new FileError(path, { expected: "a configuration of CLIPImageProcessor", got }, { cause });
  }
};

/** transformers' `CLIPImageProcessor` over Pillow: resized, cropped about the centre, scaled, normalised. */
export const imageProcessor =
  (config: ImageProcessorConfig): ImageProcessor =>
  (pictures) =>
    NDArray.stack(pixelsOf(pictures).map((pixels) => processed(pixels, config)));

const processed = (pixels: NDArray, config: ImageProcessorConfig): NDArray => {
  const resized = config.do_resize ? resizeBicubic(pixels, ...resizedSize(pixels, config.size)) : pixels;
  const cropped = config.do_center_crop ? centreCrop(resized, config.crop_size) : resized;
  const scaled = config.do_rescale ? cropped.mul(config.rescale_factor) : cropped;
  const normal = config.do_normalize
    ? scaled.sub(NDArray.of(config.image_mean)).div(NDArray.of(config.image_std))
    : scaled;
  return normal.transpose([2, 0, 1]).cast("float32");
};

/** [height, width]; the longer side of a scaled picture is rounded down. */
const resizedSize = (
  { shape: [h = 0, w = 0] }: NDArray,
  size: ImageProcessorConfig["size"],
): [height: number, width: number] => {
  if ("height" in size) return [size.height, size.width];
  const short = size.shortest_edge;
  return h <= w ? [short, Math.trunc((short * w) / h)] : [Math.trunc((short * h) / w), short];
};

/** The middle of pixels [h, w, c], with black around where they have less. */
const centreCrop = (pixels: NDArray, { height, width }: ImageProcessorConfig["crop_size"]): NDArray => {
  const [h, w, c] = pixels.shape as [number, number, number];
  const out = NDArray.zeros([height, width, c], "uint8");
  // Of an odd difference the larger half is cut at the end, and padded before.
  const [top, left] = [Math.floor((h - height) / 2), Math.floor((w - width) / 2)];
  for (let y = Math.max(0, top); y < Math.min(h, top + height); y++) {
    const from = Math.max(0, left);
    const row = pixels.data.subarray((y * w + from) * c, (y * w + Math.min(w, left + width)) * c);
    out.data.set(row, ((y - top) * width + from - left) * c);
  }
  return out;
};

const pixelsOf = (pictures: NDArray): NDArray[] => {
  const { shape, dtype } = pictures;
  if (dtype === "uint8" && shape.length === 3 && shape[2] === 3 && pictures.size > 0) return [pictures];
  if (dtype === "float32" && shape.length === 4 && shape[1] === 3 && pictures.size > 0)
    return toPixels(pictures)
      .split()
      .map((picture) => picture.transpose([1, 2, 0]));
  throw new ShapeError({
    who: "imageProcessor",
    expected: "pixels uint8[h, w, 3] or pictures float32[n, 3, h, w]",
    got: `${dtype}${showShape(shape)}`,
  });
};
