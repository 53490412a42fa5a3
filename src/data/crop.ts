import { NDArray } from "../base/index.ts";

/** A window of an image: its corner and sides in pixels. */
export interface CropWindow {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The pixels of an image uint8 [c, h, w] inside a window: [c, height, width] (a copy). */
export const cropImage = (image: NDArray, { top, left, height, width }: CropWindow): Uint8Array => {
  const [channels = 0, h = 0, w = 0] = image.shape;
  const out = new Uint8Array(channels * height * width);
  for (let row = 0; row < channels * height; row++) {
    const start = (Math.floor(row / height) * h + top + (row % height)) * w + left;
    out.set(image.data.subarray(start, start + width), row * width);
  }
  return out;
};

/** Images uint8 [n, c, h + margin, w + margin] → the window in the middle of each, [n, c, h, w]. */
export const cropCentres = (images: NDArray, margin: number): NDArray => {
  const [n = 0, channels = 0, outerHeight = 0, outerWidth = 0] = images.shape;
  const [height, width] = [outerHeight - margin, outerWidth - margin];
  const corner = Math.floor(margin / 2);
  const out = NDArray.zeros([n, channels, height, width], "uint8");
  for (let i = 0; i < n; i++)
    out.data.set(
      cropImage(images.row(i), { top: corner, left: corner, height, width }),
      i * channels * height * width,
    );
  return out;
};
