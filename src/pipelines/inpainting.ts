import { ArgumentError, NDArray, ShapeError, showShape } from "../base/index.ts";
import { blended } from "../samplers/index.ts";
import { repeated } from "./conditions.ts";

/** @throws ShapeError for a mask of another size than the picture, ArgumentError for one outside [0, 1] */
export const requireMask = (mask: NDArray, image: NDArray): void => {
  const [, , h, w] = image.shape;
  const wanted = [1, 1, h, w];
  if (mask.shape.join() !== wanted.join())
    throw new ShapeError({
      who: "mask",
      expected: `one value for each of the picture's pixels, [${wanted.join(", ")}]`,
      got: showShape(mask.shape),
    });
  if (!mask.data.every((value) => value >= 0 && value <= 1))
    throw new ArgumentError({ who: "mask", expected: "values from 0 to 1", got: "some outside" });
};

/** Free or not: free from a half on. */
export const binaryMask = (mask: NDArray): NDArray => mask.map((value) => (value >= 0.5 ? 1 : 0));

/**
 * A mask [1, 1, h, w] for latents of a `factor`-th of the size: a latent is free where any of its pixels is, so that
 * nothing that is to change is held by its neighbours.
 */
export const latentMask = (mask: NDArray, factor: number): NDArray => {
  const [, , h = 0, w = 0] = mask.shape;
  const [rows, columns] = [h / factor, w / factor];
  const out = new Float32Array(rows * columns);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const at = Math.floor(y / factor) * columns + Math.floor(x / factor);
      out[at] = Math.max(out[at] as number, mask.data[y * w + x] as number);
    }
  return new NDArray(out, [1, 1, rows, columns]);
};

/** The picture with grey in place of what is free, as the networks that are told of masks were trained to see it. */
export const maskedPicture = (image: NDArray, mask: NDArray): NDArray =>
  image.mul(mask.map((free) => 1 - free));

/**
 * Pictures [n, 3, h, w] whose pixels outside the mask are the source's, bit for bit; between 0 and 1 a blend of both.
 */
export const pasteBack = (made: NDArray, image: NDArray, mask: NDArray): NDArray =>
  blended(made, repeated(image, made.shape[0] as number), NDArray.zeros(made.shape).add(mask));
