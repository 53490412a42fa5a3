import { readFile } from "node:fs/promises";
import sharp, { type Region, type Sharp } from "sharp";
import { ArgumentError, FileError, NDArray, UndiffuseError } from "../base/index.ts";
import { imageSizes } from "./grid.ts";
import { pictureFormat, pictureFormats } from "./picture-format.ts";
import { checkSamples } from "./picture-samples.ts";
import { writePngText } from "./png-metadata.ts";

/** Resampling filters by name. All but `nearest` widen when they reduce, so that nothing aliases. */
const kernels = {
  nearest: "nearest",
  bilinear: "linear",
  bicubic: "cubic",
  mitchell: "mitchell",
  lanczos2: "lanczos2",
  lanczos3: "lanczos3",
} as const;
export type Filter = keyof typeof kernels;
export const filters = Object.keys(kernels) as Filter[];

export interface DecodeOptions {
  /** Side of a square, or [height, width], in pixels. */
  readonly size: number | readonly [height: number, width: number];
  readonly channels: 1 | 3;
  readonly filter?: Filter;
  /** What shows through transparent pixels and fills padding: #rrggbb. */
  readonly background?: string;
  /** When the aspect differs: cut the centre out, pad with the background, or stretch. */
  readonly fit?: "crop" | "pad" | "stretch";
  /** Larger pictures are refused before they are decoded. */
  readonly maxPixels?: number;
}

/** In pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** 16384 × 16384. */
const MAX_PIXELS = 2 ** 28;

/**
 * Decodes a picture (a path, or its bytes) to uint8 [channels, height, width]: EXIF orientation applied,
 * fitted, alpha composited on the background, then resized. Grey is ITU-R 601 luma of the result. Of several
 * frames or pages it is the first. CMYK becomes sRGB by its profile or a common one, and JPEGs of it are read as
 * inverted, as Adobe writes them.
 * @throws FileError when the picture is damaged, of another format, too large, or its samples are no colours
 */
export const decodeImage = async (
  source: string | Uint8Array,
  {
    size,
    channels,
    filter = "lanczos3",
    background = "#ffffff",
    fit = "crop",
    maxPixels = MAX_PIXELS,
  }: DecodeOptions,
): Promise<NDArray> => {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  checkDecode({ height, width, channels, filter, background });
  const name = typeof source === "string" ? source : "image";
  const bytes = typeof source === "string" ? await readPicture(source) : source;
  checkFormat(name, bytes);
  const picture = sharp(bytes, { failOn: "error", limitInputPixels: false }).autoOrient();
  const found = await measure(name, picture, maxPixels);
  const region = fit === "crop" ? centre(found, { height, width }) : found;
  const pixels = await picture
    .extract({ left: 0, top: 0, ...region }) // a stated region also keeps JPEG from reducing while it decodes
    .flatten({ background })
    .resize(width, height, {
      kernel: kernels[filter],
      fit: fit === "pad" ? "contain" : "fill",
      background,
    })
    .toColourspace("srgb")
    .raw()
    .toBuffer()
    .catch(refuse(name, "a whole picture"));
  const image = new NDArray(new Uint8Array(pixels), [height, width, 3], "uint8");
  return channels === 3 ? image.transpose([2, 0, 1]) : luma(image);
};

/** The size of a picture's file as it is seen, orientation applied, by its header. @throws FileError when it is none */
export const pictureSize = (path: string): Promise<Size> =>
  measure(path, sharp(path, { failOn: "error", limitInputPixels: false }), MAX_PIXELS);

/** PNG bytes of an image uint8 [c, h, w] with c = 1 or 3, with texts by keyword. */
export const encodePng = async (
  image: NDArray,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> => {
  const [, c, h, w] = imageSizes("encodePng", image.reshape([1, ...image.shape]));
  const raw = { width: w, height: h, channels: colourChannels("encodePng", c) };
  const png = await sharp(interleave(image.reshape([1, c, h, w])), { raw, limitInputPixels: false })
    .toColourspace(c === 1 ? "b-w" : "srgb")
    .png({ compressionLevel: 9 })
    .toBuffer();
  return writePngText(png, metadata);
};

export interface GifOptions {
  readonly delayMs?: number;
  /** How long the last frame stays before the loop starts again. */
  readonly lastDelayMs?: number;
}

/** An endlessly looping GIF of frames uint8 [n, c, h, w] with c = 1 or 3. Times have a grain of 10 ms. */
export const encodeGif = async (frames: NDArray, options: GifOptions = {}): Promise<Uint8Array> => {
  const [n, c, h, w] = imageSizes("encodeGif", frames);
  const { delayMs = 100, lastDelayMs = delayMs } = options;
  const raw = { width: w, height: n * h, channels: colourChannels("encodeGif", c), pageHeight: h };
  return sharp(interleave(frames), { raw, limitInputPixels: false })
    .gif({
      delay: Array.from({ length: n }, (_, i) => (i === n - 1 ? lastDelayMs : delayMs)),
      loop: 0,
      keepDuplicateFrames: true,
      interFrameMaxError: 0,
      dither: 0,
    })
    .toBuffer();
};

/** PNG bytes of an SVG at twice its size. @throws UndiffuseError where no font is installed to draw its text */
export const svgToPng = async (svg: string): Promise<Uint8Array> => {
  if (svg.includes("<text") && !(await drawsText()))
    throw new UndiffuseError({
      who: "svgToPng",
      expected: "an installed font",
      got: "none",
      hint: "install one, as with: apt-get install fonts-dejavu-core; or write SVG, which needs none",
    });
  return rendered(svg).png({ compressionLevel: 9 }).toBuffer();
};

/** Pixels uint8 [3, h, w] of an SVG without text, at twice its size. */
export const svgToPixels = async (svg: string): Promise<NDArray> => {
  const { data, info } = await rendered(svg).raw().toBuffer({ resolveWithObject: true });
  const pixels = new NDArray(new Uint8Array(data), [info.height, info.width, info.channels], "uint8");
  return pixels.transpose([2, 0, 1]);
};

const rendered = (svg: string) =>
  sharp(Buffer.from(svg), { density: 144 }).flatten({ background: "#ffffff" });

/** Whether letters differ: without a font they are nothing, or all one box. */
const drawsText = async (): Promise<boolean> => {
  const [narrow, wide] = await Promise.all(["i", "M"].map(rasterOf));
  return !(narrow as Buffer).equals(wide as Buffer);
};

const rasterOf = (letter: string): Promise<Buffer> => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" font-size="16">${letter}</text></svg>`;
  return sharp(Buffer.from(svg)).raw().toBuffer();
};

/** How many images travel together: bounds the memory and the height of the tall picture. */
const STRIP = 1024;

/**
 * Images uint8 [n, c, h, w] resized to [n, c, size, size], each as if alone. They travel through the codec
 * as tall pictures, eighty times as fast for thousands of small images; each lies in a frame of its own
 * repeated edge rows that no filter reaches across.
 */
export const resizeImages = async (
  images: NDArray,
  size: number,
  filter: Exclude<Filter, "nearest">,
): Promise<NDArray> => {
  const [n, c, h, w] = imageSizes("resizeImages", images);
  if (!Number.isSafeInteger(size) || size <= h / 4)
    throw new ArgumentError({
      who: "resizeImages",
      expected: `a size above a quarter of ${h}, since stronger reductions mix neighbours`,
      got: String(size),
    });
  const planes = images.reshape([n * c, h, w]);
  const out = NDArray.zeros([n, c, size, size], "uint8");
  for (let start = 0; start < n * c; start += STRIP) {
    const strip = planes.rows(start, Math.min(start + STRIP, n * c));
    out.data.set(await resizeStrip(strip, size, kernels[filter]), start * size * size);
  }
  return out;
};

const resizeStrip = async (
  planes: NDArray,
  size: number,
  kernel: (typeof kernels)[Filter],
): Promise<Uint8Array> => {
  const [n, h, w] = planes.shape as [number, number, number];
  // The frame is a whole number of output rows, so that every image is sampled at the same places.
  const grain = h / greatestDivisor(h, size);
  const frame = Math.ceil((3 * Math.max(1, h / size) + 1) / grain) * grain;
  const rows = ((h + 2 * frame) * size) / h;
  const resized = await sharp(frameRows(planes, frame), {
    raw: { width: w, height: n * (h + 2 * frame), channels: 1 },
    limitInputPixels: false,
  })
    .resize(size, n * rows, { kernel, fit: "fill" })
    .toColourspace("b-w")
    .raw()
    .toBuffer();
  const out = new Uint8Array(n * size * size);
  for (let i = 0; i < n; i++) {
    const start = (i * rows + (frame * size) / h) * size;
    out.set(resized.subarray(start, start + size * size), i * size * size);
  }
  return out;
};

/** Planes [n, h, w] below each other, each with its first and last row repeated `frame` times. */
const frameRows = (planes: NDArray, frame: number): Uint8Array => {
  const [n, h, w] = planes.shape as [number, number, number];
  const height = h + 2 * frame;
  const tall = new Uint8Array(n * height * w);
  for (let i = 0; i < n * height; i++) {
    const y = Math.min(Math.max((i % height) - frame, 0), h - 1);
    const start = (Math.floor(i / height) * h + y) * w;
    tall.set(planes.data.subarray(start, start + w), i * w);
  }
  return tall;
};

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

const checkFormat = (name: string, bytes: Uint8Array): void => {
  if (pictureFormat(bytes)) return;
  const got = bytes.length ? "another format" : "an empty file";
  throw new FileError(name, { expected: `one of ${pictureFormats.join(", ")}`, got });
};

/** The picture's size as seen, orientation applied, or a FileError before any pixel is decoded: also for samples that are no colours. */
const measure = async (name: string, picture: Sharp, limit: number): Promise<Size> => {
  const { autoOrient, ...samples } = await picture.metadata().catch(refuse(name, "a picture"));
  checkSamples(name, samples);
  const { height, width } = autoOrient;
  if (height * width > limit)
    throw new FileError(name, {
      expected: `at most ${limit} pixels`,
      got: `${height} × ${width} = ${height * width}`,
      hint: "reduce the picture first",
    });
  return autoOrient;
};

/** The largest centred part of the wanted aspect. */
const centre = (found: Size, wanted: Size): Region => {
  const scale = Math.min(found.height / wanted.height, found.width / wanted.width);
  const height = Math.max(1, Math.round(wanted.height * scale));
  const width = Math.max(1, Math.round(wanted.width * scale));
  return {
    left: Math.floor((found.width - width) / 2),
    top: Math.floor((found.height - height) / 2),
    width,
    height,
  };
};

const checkDecode = (options: Size & { channels: number; background: string; filter: string }): void => {
  const { height, width, channels, background, filter } = options;
  const problem = [height, width].some((side) => !Number.isSafeInteger(side) || side < 1 || side > 2 ** 14)
    ? { expected: "a size of 1 to 16384 pixels", got: `${height} × ${width}` }
    : channels !== 1 && channels !== 3
      ? { expected: "1 or 3 channels", got: String(channels) }
      : !/^#[0-9a-f]{6}$/i.test(background)
        ? { expected: "a background #rrggbb", got: background }
        : !Object.hasOwn(kernels, filter)
          ? { expected: `a filter of ${filters.join(", ")}`, got: filter }
          : undefined;
  if (problem) throw new ArgumentError({ who: "decodeImage", ...problem });
};

const colourChannels = (who: string, channels: number): 1 | 3 => {
  if (channels === 1 || channels === 3) return channels;
  throw new ArgumentError({ who, expected: "1 or 3 channels", got: String(channels) });
};

/** Images [n, c, h, w] → one tall picture [n·h, w, c]. */
const interleave = (images: NDArray): Uint8Array => images.transpose([0, 2, 3, 1]).data as Uint8Array;

/** [h, w, 3] → [1, h, w] by 0.299 R + 0.587 G + 0.114 B, in 16-bit fixed point so that grey stays as it is. */
const luma = ({ data, shape: [h = 0, w = 0] }: NDArray): NDArray => {
  const out = NDArray.zeros([1, h, w], "uint8");
  for (let i = 0; i < h * w; i++) {
    const [r, g, b] = [data[i * 3] as number, data[i * 3 + 1] as number, data[i * 3 + 2] as number];
    out.data[i] = (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16;
  }
  return out;
};

const readPicture = (path: string): Promise<Uint8Array> =>
  readFile(path).catch((error: NodeJS.ErrnoException) => {
    const got = error.code === "ENOENT" ? "no such file" : firstLine(error);
    throw new FileError(path, { expected: "a readable picture", got }, { cause: error });
  });

const refuse = (name: string, expected: string) => (error: Error) => {
  throw new FileError(name, { expected, got: firstLine(error) }, { cause: error });
};

const firstLine = (error: Error): string => error.message.trim().split("\n")[0] ?? "an unknown fault";
