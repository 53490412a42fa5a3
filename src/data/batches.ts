import { z } from "zod";
import { ArgumentError, Generator, type GeneratorState, NDArray, sizeOf } from "../base/index.ts";
import { cropImage } from "./crop.ts";
import type { Dataset } from "./dataset.ts";
import { fillUnit } from "./pixels.ts";

export interface BatchesOptions {
  readonly dataset: Dataset;
  /** Images in a batch. */
  readonly batch: number;
  /** Mirror each image left to right with probability ½. */
  readonly flip: boolean;
  /** Draws the permutation of each epoch. */
  readonly order: Generator;
  /** Draws which images are mirrored; untouched when `flip` is off. */
  readonly flips: Generator;
  /** Draws the window of each image that has more around it (`uncropped`); untouched when none has. */
  readonly crops: Generator;
  /**
   * A {@link BatchesState} to continue from, bit for bit, given the same images and the generators as
   * they stood when it was taken.
   */
  readonly state?: unknown;
}

/** Where {@link Batches} stands, as plain data (JSON-safe, about 7 kB). */
export interface BatchesState {
  /** The generator `order` as it was before it drew the permutation of this epoch. */
  readonly before: GeneratorState;
  /** Images of this epoch given out so far. */
  readonly position: number;
}

/**
 * Batches without end: every epoch is a new permutation of all images, and a batch may cross from one
 * epoch into the next, so each is full.
 */
export class Batches {
  private readonly options: BatchesOptions;
  private readonly count: number;
  private before: GeneratorState;
  private permutation: ArrayLike<number>;
  private position: number;

  constructor(options: BatchesOptions) {
    const { dataset, batch, flip, order, state } = options;
    const [count = 0] = dataset.images.shape;
    if (flip && dataset.form !== "pictures")
      throw new ArgumentError({
        who: "flip",
        expected: "pictures, which have a left and a right",
        got: dataset.form,
      });
    if (!Number.isSafeInteger(batch) || batch < 1)
      throw new ArgumentError({ who: "Batches", expected: "a batch of at least 1", got: String(batch) });
    if (count === 0) throw new ArgumentError({ who: "Batches", expected: "at least one image", got: "none" });
    const start = state === undefined ? { before: order.state, position: 0 } : parseState(state, count);
    const source = state === undefined ? order : Generator.restore(start.before);
    this.options = options;
    this.count = count;
    this.before = start.before;
    this.permutation = source.permutation(count).data;
    this.position = start.position;
    checkSame(source, order);
  }

  get state(): BatchesState {
    return { before: this.before, position: this.position };
  }

  /** The next batch: float32 [batch, c, h, w], pictures in [-1, 1], with labels int32 [batch] where the data has them. */
  next(): { readonly images: NDArray; readonly labels?: NDArray } {
    const { dataset, batch, flip, flips } = this.options;
    const [, ...image] = dataset.images.shape;
    const size = sizeOf(image);
    const indices = Array.from({ length: batch }, () => this.nextIndex());
    const levels = this.drawLevels(indices);
    const mirrored = flip ? flips.integers(0, 2, [batch]).data : [];
    const out = new Float32Array(batch * size);
    levels.forEach((each, i) => {
      const pixels = out.subarray(i * size, (i + 1) * size);
      fillUnit(pixels, each);
      if (mirrored[i]) mirror(pixels, image.at(-1) as number);
    });
    const images = new NDArray(out, [batch, ...image]);
    const { labels } = dataset;
    if (!labels) return { images };
    const drawn = indices.map((index) => labels.data[index] as number);
    return { images, labels: NDArray.of(drawn, [batch], "int32") };
  }

  /** The rows of these indices, pictures as grey levels [c, h, w], each in a window of its own where there is more around it. */
  private drawLevels(indices: readonly number[]): (Uint8Array | Float32Array)[] {
    const { dataset, crops } = this.options;
    const { images, uncropped } = dataset;
    if (!uncropped) return indices.map((index) => images.row(index).data as Uint8Array | Float32Array);
    const [, , height = 0, width = 0] = images.shape;
    const [, , outerHeight = 0, outerWidth = 0] = uncropped.shape;
    const tops = crops.integers(0, outerHeight - height + 1, [indices.length]).data;
    const lefts = crops.integers(0, outerWidth - width + 1, [indices.length]).data;
    return indices.map((index, i) => {
      const [top, left] = [tops[i] as number, lefts[i] as number];
      return cropImage(uncropped.row(index), { top, left, height, width });
    });
  }

  private nextIndex(): number {
    if (this.position === this.count) {
      const { order } = this.options;
      this.before = order.state;
      this.permutation = order.permutation(this.count).data;
      this.position = 0;
    }
    return this.permutation[this.position++] as number;
  }
}

/** Rows of `width` values, each reversed in place. */
const mirror = (pixels: Float32Array, width: number): void => {
  for (let start = 0; start < pixels.length; start += width) pixels.subarray(start, start + width).reverse();
};

const stateSchema = z.strictObject({
  before: z.strictObject({
    words: z.array(z.int().min(0).max(0xffffffff)).length(624),
    position: z.int().min(0).max(624),
    cachedNormal: z.number().nullable(),
  }),
  position: z.int().nonnegative(),
});

const parseState = (state: unknown, count: number): BatchesState => {
  const parsed = stateSchema.safeParse(state);
  if (parsed.success && parsed.data.position <= count) return parsed.data;
  throw new ArgumentError({
    who: "Batches",
    expected: `a state of batches over ${count} images`,
    got: parsed.success ? `position ${parsed.data.position}` : z.prettifyError(parsed.error),
  });
};

/** After the permutation is drawn again, both stand at one place, or state and generators are of two runs. */
const checkSame = (source: Generator, order: Generator): void => {
  const [a, b] = [source.state, order.state];
  if (a.position === b.position && a.words.every((word, i) => word === b.words[i])) return;
  throw new ArgumentError({
    who: "Batches",
    expected: "the order generator as it stood when the state was taken",
    got: "one that stands elsewhere",
    hint: "was the state taken with another number of images?",
  });
};
