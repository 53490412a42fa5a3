import { createHash } from "node:crypto";
import { NDArray, ShapeError, sizeOf } from "../base/index.ts";

/** A file that is not part of a data set, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** Images in memory, all of one size. */
export interface Dataset {
  readonly name: string;
  /** uint8 [n, c, h, w] */
  readonly images: NDArray;
  /** int32 [n], indices into `classes`; null for images without classes. */
  readonly labels: NDArray | null;
  readonly classes: readonly string[] | null;
  readonly skipped: readonly Skipped[];
  /** Whose images these are and what their licence asks for, where that is known. */
  readonly notice?: string;
  /** SHA-256 of images, labels and classes: equal for equal content, wherever it came from. */
  readonly fingerprint: string;
}

/** A data set of this content; the fingerprint is computed. */
export const makeDataset = (content: Omit<Dataset, "fingerprint">): Dataset => {
  const { images, labels, classes } = content;
  const n = images.shape[0] ?? 0;
  if (images.dtype !== "uint8" || images.shape.length !== 4)
    throw new ShapeError({
      who: "makeDataset",
      expected: "uint8 images [n, c, h, w]",
      got: `${images.dtype} of rank ${images.shape.length}`,
    });
  if (labels && (labels.dtype !== "int32" || labels.size !== n || labels.shape.length !== 1))
    throw new ShapeError({
      who: "makeDataset",
      expected: `${n} int32 labels`,
      got: `${labels.size} of ${labels.dtype}`,
    });
  const hash = createHash("sha256");
  hash.update(JSON.stringify([images.shape, classes, labels !== null]));
  for (const array of labels ? [images, labels] : [images])
    hash.update(new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength));
  return { ...content, fingerprint: hash.digest("hex") };
};

/** Labels int32 [n] of images by the names of their classes, each of which is among `classes`. */
export const labelsOf = (names: readonly string[], classes: readonly string[]): NDArray => {
  const index = new Map(classes.map((name, i) => [name, i]));
  return NDArray.of(
    names.map((name) => index.get(name) ?? 0),
    [names.length],
    "int32",
  );
};

/** The images of these indices, in their order, as a data set of its own (a copy). */
export const selectImages = (dataset: Dataset, indices: ArrayLike<number>): Dataset => {
  const [n = 0, ...image] = dataset.images.shape;
  const size = sizeOf(image);
  const images = NDArray.zeros([indices.length, ...image], "uint8");
  const labels = dataset.labels && NDArray.zeros([indices.length], "int32");
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    if (!(index >= 0 && index < n))
      throw new ShapeError({ who: "selectImages", expected: `indices below ${n}`, got: String(index) });
    images.data.set(dataset.images.data.subarray(index * size, (index + 1) * size), i * size);
    if (labels) labels.data[i] = dataset.labels?.data[index] as number;
  }
  return makeDataset({ ...dataset, images, labels });
};
