import { NDArray, ShapeError, showShape } from "../base/index.ts";
import { constant, type Tensor } from "./tensor.ts";

/** The pixels of x [n, c, h, w] in squares: [n, c, h / side, side, w / side, side]. */
const squares = (who: string, x: Tensor, side: number): Tensor => {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  if (x.shape.length !== 4 || h % side !== 0 || w % side !== 0)
    throw new ShapeError({
      who,
      expected: `images [n, c, h, w] with h and w divisible by ${side}`,
      got: showShape(x.shape),
    });
  return x.reshape([n, c, h / side, side, w / side, side]);
};

/** The mean of each square of pixels: x [n, c, h, w] → [n, c, h / side, w / side]. */
export const averagePool = (x: Tensor, side: number): Tensor => squares("averagePool", x, side).mean([3, 5]);

/** The largest of each square of pixels: x [n, c, h, w] → [n, c, h / side, w / side]. */
export const maxPool = (x: Tensor, side: number): Tensor => squares("maxPool", x, side).max([3, 5]);

/**
 * Linear interpolation of `from` pixels at the centres of `to` pixels, as a matrix [to, from]; what lies outside
 * the outer centres is the outer pixel.
 */
const interpolation = (from: number, to: number): NDArray => {
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const left = Math.floor(centre);
    const right = Math.min(left + 1, from - 1);
    matrix[i * from + left] = 1 - (centre - left);
    if (right > left) matrix[i * from + right] = centre - left;
  }
  return new NDArray(matrix, [to, from]);
};

/** x [n, c, …] with its pixels interpolated to [n, c, ...size], as torch's `interpolate(mode="bilinear")`. */
export const resizeBilinear = (x: Tensor, [rows, columns]: readonly [number, number]): Tensor => {
  if (x.shape.length !== 4)
    throw new ShapeError({ who: "resizeBilinear", expected: "images [n, c, h, w]", got: showShape(x.shape) });
  const [, , h = 0, w = 0] = x.shape;
  const across = constant(interpolation(w, columns).transpose([1, 0]));
  return constant(interpolation(h, rows)).matmul(x.matmul(across));
};
