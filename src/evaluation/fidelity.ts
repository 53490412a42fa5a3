import { ArgumentError, type NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";

/** Images uint8 [n, c, h, w] against others of the same shape, pair by pair. @throws ShapeError for anything else */
const checkImages = (who: string, a: NDArray, b: NDArray): void => {
  if (a.dtype === "uint8" && b.dtype === "uint8" && a.shape.length === 4 && sameShape(a.shape, b.shape))
    return;
  throw new ShapeError({
    who,
    expected: "two times uint8 images [n, c, h, w] of one shape",
    got: `${a.dtype}${showShape(a.shape)} and ${b.dtype}${showShape(b.shape)}`,
  });
};

const PEAK = 255;

/** The peak signal-to-noise ratio of each pair in decibels, [n]: 10 log₁₀ (255² / mean squared error); infinite for equal ones. */
export const psnr = (a: NDArray, b: NDArray): Float64Array => {
  checkImages("psnr", a, b);
  const [n = 0] = a.shape;
  const size = a.size / n;
  return Float64Array.from({ length: n }, (_, image) => {
    let sum = 0;
    for (let i = image * size; i < (image + 1) * size; i++)
      sum += ((a.data[i] as number) - (b.data[i] as number)) ** 2;
    return 10 * Math.log10((PEAK * PEAK * size) / sum);
  });
};

const WINDOW = 11;
const DEVIATION = 1.5;
/** (0.01 · 255)² and (0.03 · 255)². */
const [C1, C2] = [(0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2];

const taps = ((): Float64Array => {
  const raw = Float64Array.from({ length: WINDOW }, (_, i) =>
    Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * DEVIATION ** 2)),
  );
  const sum = raw.reduce((total, value) => total + value, 0);
  return raw.map((value) => value / sum);
})();

/** Weighted means of a plane [h, w] under windows that lie wholly inside: [h − 10, w − 10]. */
const blurred = (plane: Float64Array, h: number, w: number): Float64Array => {
  const [height, width] = [h - WINDOW + 1, w - WINDOW + 1];
  const across = new Float64Array(h * width);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < WINDOW; k++) sum += (taps[k] as number) * (plane[y * w + x + k] as number);
      across[y * width + x] = sum;
    }
  const out = new Float64Array(height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < WINDOW; k++) sum += (taps[k] as number) * (across[(y + k) * width + x] as number);
      out[y * width + x] = sum;
    }
  return out;
};

const planeSsim = (a: Float64Array, b: Float64Array, h: number, w: number): number => {
  const product = (p: Float64Array, q: Float64Array) =>
    blurred(
      p.map((v, i) => v * (q[i] as number)),
      h,
      w,
    );
  const [ma, mb] = [blurred(a, h, w), blurred(b, h, w)];
  const [aa, bb, ab] = [product(a, a), product(b, b), product(a, b)];
  let sum = 0;
  for (let i = 0; i < ma.length; i++) {
    const [x, y] = [ma[i] as number, mb[i] as number];
    const [xx, yy, xy] = [(aa[i] as number) - x * x, (bb[i] as number) - y * y, (ab[i] as number) - x * y];
    sum += ((2 * x * y + C1) * (2 * xy + C2)) / ((x * x + y * y + C1) * (xx + yy + C2));
  }
  return sum / ma.length;
};

/**
 * The structural similarity of each pair, [n], at most 1: under Gaussian windows of 11 × 11 pixels and deviation 1.5 that
 * lie wholly inside, on average over windows and channels (Wang et al. 2004, eq. 13).
 * @throws ArgumentError for images smaller than a window
 */
export const ssim = (a: NDArray, b: NDArray): Float64Array => {
  checkImages("ssim", a, b);
  const [n = 0, c = 0, h = 0, w = 0] = a.shape;
  if (Math.min(h, w) < WINDOW)
    throw new ArgumentError({
      who: "ssim",
      expected: `images of at least ${WINDOW} × ${WINDOW} pixels`,
      got: `${h} × ${w}`,
    });
  const plane = (images: NDArray, index: number) =>
    Float64Array.from(images.data.subarray(index * h * w, (index + 1) * h * w));
  return Float64Array.from({ length: n }, (_, image) => {
    let sum = 0;
    for (let channel = image * c; channel < (image + 1) * c; channel++)
      sum += planeSsim(plane(a, channel), plane(b, channel), h, w);
    return sum / c;
  });
};
