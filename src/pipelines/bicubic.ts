import { NDArray } from "../base/index.ts";

/** Keys' cubic with a = −1/2 (Keys 1981, eq. 4), which reaches over two pixels on either side. */
const cubic = (x: number): number => {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
};
const REACH = 2;

/** One pixel of a resized row: where its share of the row before starts, and what each pixel there weighs. */
interface Share {
  readonly start: number;
  readonly weights: readonly number[];
}

/** Pillow keeps weights as whole multiples of 2⁻²². */
const ONE = 2 ** 22;

/** Away from zero at halves. */
const whole = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** The shares of `to` pixels in `from`: the filter widens when it reduces, so that nothing aliases. */
const sharesOf = (from: number, to: number): readonly Share[] => {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - REACH * widening + 0.5));
    const end = Math.min(from, Math.trunc(centre + REACH * widening + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) => cubic((start + k - centre + 0.5) / widening));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: raw.map((weight) => whole((weight / total) * ONE)) };
  });
};

/** Resizes the middle axis of uint8 [outer, from, inner], rounded to uint8. */
const resizeAxis = (x: NDArray, to: number): NDArray => {
  const [outer, from, inner] = x.shape as [number, number, number];
  if (from === to) return x;
  const shares = sharesOf(from, to);
  const out = new Uint8ClampedArray(outer * to * inner);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < to; i++) {
      const { start, weights } = shares[i] as Share;
      for (let c = 0; c < inner; c++) {
        let sum = ONE / 2;
        for (let k = 0; k < weights.length; k++)
          sum += (weights[k] as number) * (x.data[(o * from + start + k) * inner + c] as number);
        out[(o * to + i) * inner + c] = Math.floor(sum / ONE);
      }
    }
  return new NDArray(new Uint8Array(out.buffer), [outer, to, inner], "uint8");
};

/**
 * Pixels uint8 [h, w, c] resized to [height, width, c] as Pillow 13 does, bit for bit: one axis, then the other, with
 * eight bits between. Columns come first where they lose more than twice as many pixels as rows; in versions before,
 * rows always did, which shows in pictures more than twice as high as wide.
 */
export const resizeBicubic = (pixels: NDArray, height: number, width: number): NDArray => {
  const [h, w, c] = pixels.shape as [number, number, number];
  const rows = (x: NDArray) => resizeAxis(x.reshape([x.size / (w * c), w, c]), width);
  const columns = (x: NDArray) => resizeAxis(x.reshape([1, h, x.size / h]), height);
  const columnsFirst = h > height && h - height > 2 * (w - width);
  return (columnsFirst ? rows(columns(pixels)) : columns(rows(pixels))).reshape([height, width, c]);
};
