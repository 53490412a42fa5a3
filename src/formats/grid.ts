import { ArgumentError, NDArray, ShapeError, showShape } from "../base/index.ts";

/** Sizes of a uint8 array [n, c, h, w], or a ShapeError that names `who`. */
export const imageSizes = (who: string, images: NDArray): [n: number, c: number, h: number, w: number] => {
  const [n, c, h, w] = images.shape;
  if (images.dtype !== "uint8" || images.shape.length !== 4)
    throw new ShapeError({
      who,
      expected: "uint8 images [n, c, h, w]",
      got: `${images.dtype}${showShape(images.shape)}`,
    });
  return [n as number, c as number, h as number, w as number];
};

export interface GridOptions {
  /** Images in a row; by default the smallest number that makes the grid no taller than wide. */
  readonly columns?: number;
  /** Pixels between images, none outside. */
  readonly padding?: number;
  /** Grey level 0 … 255 of padding and empty places. */
  readonly fill?: number;
}

/** One image uint8 [c, rows·(h + padding) − padding, …] that shows images uint8 [n, c, h, w] row by row. */
export const imageGrid = (images: NDArray, options: GridOptions = {}): NDArray => {
  const [n, c, h, w] = imageSizes("imageGrid", images);
  const { columns = Math.ceil(Math.sqrt(n)), padding = 0, fill = 255 } = options;
  checkNatural("imageGrid", "at least one image", n, 1);
  checkNatural("imageGrid", "columns of at least 1", columns, 1);
  checkNatural("imageGrid", "padding of at least 0", padding, 0);
  const width = Math.min(columns, n) * (w + padding) - padding;
  const height = Math.ceil(n / columns) * (h + padding) - padding;
  const grid = NDArray.full([c, height, width], fill, "uint8");
  for (let row = 0; row < n * c * h; row++) {
    const image = Math.floor(row / (c * h));
    const top = Math.floor(image / columns) * (h + padding);
    const left = (image % columns) * (w + padding);
    const channel = Math.floor(row / h) % c;
    const target = (channel * height + top + (row % h)) * width + left;
    grid.data.set(images.data.subarray(row * w, (row + 1) * w), target);
  }
  return grid;
};

/** The image uint8 [c, h, w] with each pixel as a square of `factor` × `factor`. */
export const enlarge = (image: NDArray, factor: number): NDArray => {
  const [, c, h, w] = imageSizes("enlarge", image.reshape([1, ...image.shape]));
  checkNatural("enlarge", "a factor of at least 1", factor, 1);
  const out = NDArray.zeros([c, h * factor, w * factor], "uint8");
  for (let row = 0; row < c * h * factor; row++) {
    const source = Math.floor(row / factor) * w;
    for (let x = 0; x < w * factor; x++)
      out.data[row * w * factor + x] = image.data[source + Math.floor(x / factor)] as number;
  }
  return out;
};

const checkNatural = (who: string, expected: string, value: number, least: number): void => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new ArgumentError({ who, expected, got: String(value) });
};
