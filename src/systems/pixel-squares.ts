import { NDArray, ShapeError, showShape } from "../base/index.ts";

/** Square images [n, c, h, h] as the means of squares of their pixels: [n, c, side, side]. @throws ShapeError unless `side` divides h */
export const reduced = (images: NDArray, side: number): NDArray => {
  const [n = 0, c = 0, h = 0, w = 0] = images.shape;
  if (h !== w || h % side !== 0)
    throw new ShapeError({
      who: "reduced",
      expected: `square images of a side that ${side} divides`,
      got: showShape(images.shape),
    });
  if (h === side) return images;
  return images.reshape([n, c, side, h / side, side, w / side]).mean([3, 5]);
};

/** Every pixel of [n, c, h, h] as a square of pixels: [n, c, side, side]. */
export const enlarged = (images: NDArray, side: number): NDArray => {
  const [n = 0, c = 0, h = 0] = images.shape;
  const factor = side / h;
  return images
    .reshape([n, c, h, 1, h, 1])
    .mul(NDArray.full([1, 1, 1, factor, 1, factor], 1))
    .reshape([n, c, side, side]);
};
