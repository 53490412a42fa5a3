import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { FileError, type NDArray } from "../base/index.ts";
import { type Filter, readIdx, resizeImages } from "../formats/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";
import { cached, cacheKey, defaultCacheFolder } from "./dataset-cache.ts";
import { reasonOf } from "./folder-files.ts";
import type { OpenOptions } from "./image-folder.ts";

export interface IdxOptions extends OpenOptions {
  /** File of uint8 [n], label k being class "k". */
  readonly labels?: string | undefined;
  /** Side in pixels to which square images are resized; absent, they stay as they are. */
  readonly size?: number | undefined;
}

const FILTER: Exclude<Filter, "nearest"> = "mitchell";

/**
 * The images uint8 [n, h, w] of an idx file as one channel: MNIST, Fashion-MNIST and their kin, gzipped or
 * not. Resized (Mitchell filter) only when a size asks for it. @throws FileError when files are no idx,
 * damaged, or do not fit together
 */
export const openIdx = async (path: string, options: IdxOptions = {}): Promise<Dataset> => {
  const images = await readImages(path);
  const [count = 0] = images.shape;
  const dataset = makeDataset({
    name: basename(path, ".gz"),
    images,
    ...(options.labels === undefined
      ? { labels: null, classes: null }
      : await readClasses(options.labels, count)),
    skipped: [],
  });
  const { size, cacheFolder = defaultCacheFolder() } = options;
  return size === undefined ? dataset : resized(path, dataset, size, cacheFolder);
};

/** uint8 [n, 1, h, w] */
const readImages = async (path: string): Promise<NDArray> => {
  const array = await readIdx(path, await readWhole(path));
  const [count = 0, height = 0, width = 0] = array.shape;
  if (array.shape.length !== 3 || array.size === 0)
    throw new FileError(path, {
      expected: "images of [count, height, width]",
      got: `an array of [${array.shape.join(", ")}]`,
      ...(array.shape.length === 1 && { hint: "these may be the labels" }),
    });
  return array.reshape([count, 1, height, width]);
};

const readClasses = async (path: string, count: number): Promise<Pick<Dataset, "labels" | "classes">> => {
  const labels = await readIdx(path, await readWhole(path));
  if (labels.shape.length !== 1 || labels.size !== count)
    throw new FileError(path, {
      expected: `${count} labels, one an image`,
      got: `an array of [${labels.shape.join(", ")}]`,
    });
  let most = 0;
  for (const label of labels.data) most = Math.max(most, label);
  return {
    labels: labels.cast("int32"),
    classes: Array.from({ length: most + 1 }, (_, label) => String(label)),
  };
};

const resized = async (
  path: string,
  dataset: Dataset,
  size: number,
  cacheFolder: string,
): Promise<Dataset> => {
  const [, , height, width] = dataset.images.shape;
  if (height !== width)
    throw new FileError(path, {
      expected: `square images, to be resized to ${size}`,
      got: `${height} × ${width}`,
      hint: "leave size out to take them as they are",
    });
  if (height === size) return dataset;
  const key = cacheKey("idx", dataset.name, size, FILTER, dataset.fingerprint);
  return cached(cacheFolder, key, async () =>
    makeDataset({ ...dataset, images: await resizeImages(dataset.images, size, FILTER) }),
  );
};

const readWhole = (path: string): Promise<Uint8Array> =>
  readFile(path).catch((cause) => {
    throw new FileError(path, { expected: "an idx file", got: reasonOf(cause) }, { cause });
  });
