import { createHash } from "node:crypto";
import { NDArray, ShapeError, showShape, sizeOf } from "../base/index.ts";
import { type DataForm, forms } from "./form.ts";

/** A file that is not part of a data set, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** Images in memory, all of one size; or what stands in their place, points or sequences of bits. */
export interface Dataset {
  readonly name: string;
  readonly form: DataForm;
  /** [n, c, h, w], uint8 for pictures, else float32 as networks see it. */
  readonly images: NDArray;
  /** uint8 [n, c, h + margin, w + margin]: `images` with what lies around them, for random crops in training. */
  readonly uncropped?: NDArray;
  /** int32 [n], indices into `classes`; null for images without classes. */
  readonly labels: NDArray | null;
  readonly classes: readonly string[] | null;
  /** What each image shows, in words, where that is known. */
  readonly captions?: readonly string[];
  readonly skipped: readonly Skipped[];
  /** Whose images these are and what their licence asks for, where that is known. */
  readonly notice?: string;
  /** SHA-256 of images, labels, classes and captions: equal for equal content, wherever it came from. */
  readonly fingerprint: string;
}

/** What a data set is made of; pictures unless another form is said. */
export type Content = Omit<Dataset, "fingerprint" | "form"> & { readonly form?: DataForm };

/** A data set of this content; the fingerprint is computed. */
export const makeDataset = (content: Content): Dataset => {
  const { form = "pictures", images, labels, classes, uncropped, captions } = content;
  const n = images.shape[0] ?? 0;
  const { dtype, row, fits } = forms[form];
  if (images.dtype !== dtype || images.shape.length !== 4 || !fits(images.shape.slice(1)))
    throw new ShapeError({
      who: "makeDataset",
      expected: `${form} as ${dtype}, n rows ${row}`,
      got: `${images.dtype}${showShape(images.shape)}`,
    });
  if (uncropped && form !== "pictures")
    throw new ShapeError({ who: "makeDataset", expected: "pictures, of which to draw windows", got: form });
  if (labels && (labels.dtype !== "int32" || labels.size !== n || labels.shape.length !== 1))
    throw new ShapeError({
      who: "makeDataset",
      expected: `${n} int32 labels`,
      got: `${labels.size} of ${labels.dtype}`,
    });
  if (captions && captions.length !== n)
    throw new ShapeError({ who: "makeDataset", expected: `${n} captions`, got: String(captions.length) });
  if (uncropped && !surrounds(uncropped, images))
    throw new ShapeError({
      who: "makeDataset",
      expected: `uint8 uncropped images around [${images.shape.join(", ")}]`,
      got: `${uncropped.dtype} [${uncropped.shape.join(", ")}]`,
    });
  const hash = createHash("sha256");
  // What a data set does not have leaves no trace, so that a new kind of content changes no fingerprint.
  const more = {
    ...(uncropped && { uncropped: uncropped.shape }),
    ...(captions && { captions }),
    ...(form !== "pictures" && { form }),
  };
  const facts = [images.shape, classes, labels !== null];
  hash.update(JSON.stringify(Object.keys(more).length ? [...facts, more] : facts));
  for (const array of [images, labels, uncropped])
    if (array) hash.update(new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength));
  return { ...content, form, fingerprint: hash.digest("hex") };
};

const surrounds = (uncropped: NDArray, images: NDArray): boolean =>
  uncropped.dtype === "uint8" &&
  uncropped.shape.length === 4 &&
  uncropped.shape.every((side, axis) => {
    const inner = images.shape[axis] ?? 0;
    return axis < 2 ? side === inner : side >= inner;
  });

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
  const chosen = Array.from(indices);
  const n = dataset.images.shape[0] ?? 0;
  for (const index of chosen)
    if (!(index >= 0 && index < n))
      throw new ShapeError({ who: "selectImages", expected: `indices below ${n}`, got: String(index) });
  const { images, labels, uncropped, captions } = dataset;
  return makeDataset({
    ...dataset,
    images: selectRows(images, chosen),
    labels: labels && selectRows(labels, chosen),
    ...(uncropped && { uncropped: selectRows(uncropped, chosen) }),
    ...(captions && { captions: chosen.map((index) => captions[index] as string) }),
  });
};

const selectRows = ({ data, shape, dtype }: NDArray, indices: readonly number[]): NDArray => {
  const row = shape.slice(1);
  const size = sizeOf(row);
  const out = NDArray.zeros([indices.length, ...row], dtype);
  indices.forEach((index, i) => {
    out.data.set(data.subarray(index * size, (index + 1) * size), i * size);
  });
  return out;
};
