import { ArgumentError, NDArray } from "../base/index.ts";
import { type Denoiser, withX0 } from "./denoiser.ts";

export interface Thresholding {
  /** Which share of |x0| is left as it is. */
  readonly quantile: number;
  /** The largest value that x0 may be divided by. */
  readonly max: number;
  /** Leave eps as the network said, as in clipping. */
  readonly keepEps?: boolean;
}

/**
 * A denoiser whose x0 comes into [-1, 1] by division: each sample by the given quantile of its |x0|, at least 1
 * and at most `max`, after clipping to it. Strong guidance then keeps its contrast (Saharia et al. 2022,
 * Imagen, section 2.3).
 * @throws ArgumentError for a quantile outside (0, 1]
 */
export const thresholded = (
  denoiser: Denoiser,
  { quantile, max, keepEps = false }: Thresholding,
): Denoiser => {
  if (!(quantile > 0 && quantile <= 1))
    throw new ArgumentError({
      who: "thresholding",
      expected: "a quantile above 0 and up to 1",
      got: String(quantile),
    });
  return withX0(
    denoiser,
    (x0) =>
      NDArray.stack(
        x0.split().map((sample) => {
          const s = Math.min(Math.max(quantileOf(sample.abs(), quantile), 1), max);
          return sample.clamp(-s, s).div(s);
        }),
      ),
    keepEps,
  );
};

/** A quantile by linear interpolation between order statistics, as torch's and NumPy's. */
const quantileOf = ({ data }: NDArray, share: number): number => {
  const sorted = Float64Array.from(data).sort();
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return low + (high - low) * (place - Math.floor(place));
};
