import { join } from "node:path";
import { pictureSize, type Size } from "../formats/index.ts";
import { forEachConcurrently } from "./concurrency.ts";
import type { Dataset, Skipped } from "./dataset.ts";
import { CONCURRENCY } from "./decoded-pictures.ts";
import { listFiles } from "./folder-files.ts";
import type { DataSpec } from "./schema.ts";

/** What there is to know of a data set before a training. */
export interface Survey {
  readonly name: string;
  readonly images: number;
  /** [c, h, w], as a network sees them. */
  readonly image: readonly number[];
  /** Images of each class, in the order of labels; null where there are none. */
  readonly classes: readonly { readonly name: string; readonly count: number }[] | null;
  /** Files that are no part of it by the reason, the most frequent first. */
  readonly skipped: readonly { readonly reason: string; readonly paths: readonly string[] }[];
  /** The pictures before they were made one size; null for data that are no folder. */
  readonly pictures: PictureSizes | null;
  /** The first caption; null where there are none. */
  readonly caption: string | null;
  readonly notice: string | null;
}

export interface PictureSizes {
  /** By the number of pixels. */
  readonly smallest: Picture;
  readonly largest: Picture;
  /** How many have a side shorter than the images, and so are enlarged. */
  readonly enlarged: number;
}

interface Picture extends Size {
  /** Relative to the folder. */
  readonly path: string;
}

/** Counts what an opened data set holds; of a folder it also measures the pictures, by their headers. */
export const surveyDataset = async (spec: DataSpec, dataset: Dataset): Promise<Survey> => {
  const { name, images, skipped, captions, notice } = dataset;
  const [count = 0, ...image] = images.shape;
  return {
    name,
    images: count,
    image,
    classes: classCounts(dataset),
    skipped: byReason(skipped),
    pictures: spec.kind === "folder" ? await measurePictures(spec.path, dataset) : null,
    caption: captions?.[0] ?? null,
    notice: notice ?? null,
  };
};

const classCounts = ({ classes, labels }: Dataset): Survey["classes"] => {
  if (!classes || !labels) return null;
  const counts = classes.map(() => 0);
  for (const label of labels.data) counts[label] = (counts[label] ?? 0) + 1;
  return classes.map((name, i) => ({ name, count: counts[i] ?? 0 }));
};

const byReason = (skipped: readonly Skipped[]): Survey["skipped"] => {
  const groups = new Map<string, string[]>();
  for (const { path, reason } of skipped) {
    const paths = groups.get(reason) ?? [];
    paths.push(path);
    groups.set(reason, paths);
  }
  return [...groups]
    .map(([reason, paths]) => ({ reason, paths }))
    .sort((a, b) => b.paths.length - a.paths.length);
};

const measurePictures = async (folder: string, dataset: Dataset): Promise<PictureSizes | null> => {
  const skipped = new Set(dataset.skipped.map(({ path }) => path));
  const paths = (await listFiles(folder)).files.filter((path) => !skipped.has(path));
  const found = new Array<Picture>(paths.length);
  await forEachConcurrently(paths, CONCURRENCY, async (path, i) => {
    found[i] = { path, ...(await pictureSize(join(folder, path))) };
  });
  const sorted = found.toSorted((a, b) => a.height * a.width - b.height * b.width);
  const [smallest, largest] = [sorted[0], sorted.at(-1)];
  if (!smallest || !largest) return null;
  const [, , height = 0, width = 0] = (dataset.uncropped ?? dataset.images).shape;
  return {
    smallest,
    largest,
    enlarged: found.filter((picture) => picture.height < height || picture.width < width).length,
  };
};
