import { type NDArray, ShapeError } from "../base/index.ts";
import { checkFeatures, checkPair } from "./features.ts";
import { traceOfRoot } from "./matrix.ts";

/** The mean [d] of features, and their covariance [d, d], row-major, over n − 1. */
export interface Gaussian {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
}

/** The Gaussian of features [n, d]; `counts` says how often each row counts, once unless told. */
export const gaussianOf = (features: NDArray, counts?: ArrayLike<number>): Gaussian => {
  const [n, d] = checkFeatures("gaussianOf", features);
  const { data } = features;
  const count = (row: number): number => (counts ? (counts[row] as number) : 1);
  let total = 0;
  const mean = new Float64Array(d);
  for (let row = 0; row < n; row++) {
    total += count(row);
    for (let i = 0; i < d; i++) mean[i] = (mean[i] as number) + count(row) * (data[row * d + i] as number);
  }
  for (let i = 0; i < d; i++) mean[i] = (mean[i] as number) / total;
  const covariance = new Float64Array(d * d);
  const centred = new Float64Array(d);
  for (let row = 0; row < n; row++) {
    const times = count(row);
    if (times === 0) continue;
    for (let i = 0; i < d; i++) centred[i] = (data[row * d + i] as number) - (mean[i] as number);
    for (let i = 0; i < d; i++) {
      const factor = (times * (centred[i] as number)) / (total - 1);
      if (factor === 0) continue;
      const start = i * d;
      for (let j = i; j < d; j++)
        covariance[start + j] = (covariance[start + j] as number) + factor * (centred[j] as number);
    }
  }
  for (let i = 0; i < d; i++)
    for (let j = 0; j < i; j++) covariance[i * d + j] = covariance[j * d + i] as number;
  return { mean, covariance };
};

/**
 * |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) from one Gaussian to any: the squared 2-Wasserstein distance (Dowson and Landau
 * 1982), which on features of Inception is called FID (Heusel et al. 2017, section 4).
 */
export const frechetFrom = (a: Gaussian): ((b: Gaussian) => number) => {
  const d = a.mean.length;
  const trace = traceOfRoot(a.covariance, d);
  return (b) => {
    if (b.mean.length !== d)
      throw new ShapeError({ who: "frechetFrom", expected: `a mean of ${d}`, got: String(b.mean.length) });
    let sum = 0;
    for (let i = 0; i < d; i++) {
      sum += ((a.mean[i] as number) - (b.mean[i] as number)) ** 2;
      sum += (a.covariance[i * d + i] as number) + (b.covariance[i * d + i] as number);
    }
    return Math.max(0, sum - 2 * trace(b.covariance));
  };
};

/** The Fréchet distance of two sets of features [n, d] and [m, d], taken to be Gaussian. */
export const frechetDistance = (samples: NDArray, reference: NDArray): number => {
  checkPair("frechetDistance", samples, reference);
  return frechetFrom(gaussianOf(reference))(gaussianOf(samples));
};
