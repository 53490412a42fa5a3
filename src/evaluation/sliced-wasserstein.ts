import type { Generator, NDArray } from "../base/index.ts";
import { checkPair } from "./features.ts";
import { innerProducts } from "./products.ts";

/** Directions on the unit sphere, float32 [count, d]. */
export const randomDirections = (count: number, d: number, generator: Generator): NDArray => {
  const drawn = generator.normal([count, d]);
  for (let i = 0; i < count; i++) {
    const row = drawn.data.subarray(i * d, (i + 1) * d);
    let squares = 0;
    for (const value of row) squares += value * value;
    const length = Math.sqrt(squares);
    for (let k = 0; k < d; k++) row[k] = (row[k] as number) / length;
  }
  return drawn;
};

/** Rows seen along each direction: for every direction the coordinates of all rows, [n]. */
export const projections = async (
  rows: NDArray,
  directions: NDArray,
  signal?: AbortSignal,
): Promise<Float64Array[]> => {
  const found: Float64Array[] = [];
  await innerProducts(directions, rows, (_, products) => found.push(products.slice()), signal);
  return found;
};

/** ∫ (F⁻¹ − G⁻¹)² of two distributions on a line, whose values rise and whose weights sum to 1 each. */
const squaredTransport = (a: Float64Array, b: Float64Array, weightOf: (i: number) => number): number => {
  let [i, j, sum] = [0, 0, 0];
  let [left, right] = [weightOf(0), 1 / b.length];
  while (i < a.length && j < b.length) {
    const mass = Math.min(left, right);
    sum += mass * ((a[i] as number) - (b[j] as number)) ** 2;
    left -= mass;
    right -= mass;
    // What is left below rounding is nothing.
    if (left < 1e-12) left = ++i < a.length ? weightOf(i) : 0;
    if (right < 1e-12) right = ++j < b.length ? 1 / b.length : 0;
  }
  return sum;
};

/** Samples and reference along each direction, sorted: what every resampling of the samples needs. */
export interface SortedProjections {
  readonly samples: readonly { readonly order: Uint32Array; readonly values: Float64Array }[];
  readonly reference: readonly Float64Array[];
}

export const sortedProjections = async (
  samples: NDArray,
  reference: NDArray,
  { directions, signal }: { readonly directions: NDArray; readonly signal?: AbortSignal | undefined },
): Promise<SortedProjections> => {
  checkPair("slicedWasserstein", samples, reference);
  const own = await projections(samples, directions, signal);
  const others = await projections(reference, directions, signal);
  return {
    samples: own.map((values) => {
      const order = Uint32Array.from(values.keys()).sort(
        (i, j) => (values[i] as number) - (values[j] as number),
      );
      return { order, values: Float64Array.from(order, (i) => values[i] as number) };
    }),
    reference: others.map((values) => values.sort()),
  };
};

/** The distance where sample i counts `counts[i]` times, once unless told. */
export const slicedOf = ({ samples, reference }: SortedProjections, counts?: ArrayLike<number>): number => {
  let total = 0;
  samples.forEach(({ order, values }, p) => {
    const weightOf = (i: number) => (counts ? (counts[order[i] as number] as number) : 1) / order.length;
    total += squaredTransport(values, reference[p] as Float64Array, weightOf);
  });
  return Math.sqrt(total / samples.length);
};

/**
 * The sliced 2-Wasserstein distance of rows [n, d] and [m, d]: the root of the mean, over directions, of the squared
 * 2-Wasserstein distance of what is seen along them (Rabin et al. 2012; Bonneel et al. 2015, eq. 10).
 */
export const slicedWasserstein = async (
  samples: NDArray,
  reference: NDArray,
  options: { readonly directions: NDArray; readonly signal?: AbortSignal | undefined },
): Promise<number> => slicedOf(await sortedProjections(samples, reference, options));
