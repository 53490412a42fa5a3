import { ArgumentError, type Generator } from "../base/index.ts";

/** A number with the interval that it would lie in for other samples, 19 times of 20; null where there is none. */
export interface Estimate {
  readonly value: number;
  readonly interval: readonly [low: number, high: number] | null;
}

/** How often samples are drawn anew. */
const REPLICATES = 200;
const TAIL = 0.025;

/** How often each of n images counts in each of some samples of them drawn with replacement (Efron 1979). */
export const resamplings = (n: number, generator: Generator, replicates = REPLICATES): Uint16Array[] => {
  if (n < 1) throw new ArgumentError({ who: "bootstrap", expected: "at least one image", got: String(n) });
  return Array.from({ length: replicates }, () => {
    const counts = new Uint16Array(n);
    for (const i of generator.integers(0, n, [n]).data) counts[i] = (counts[i] as number) + 1;
    return counts;
  });
};

/** The value at a fraction of the way through rising ones, between two where it falls between. */
export const quantile = (rising: ArrayLike<number>, fraction: number): number => {
  const place = fraction * (rising.length - 1);
  const low = Math.floor(place);
  const [a, b] = [rising[low] as number, rising[Math.min(low + 1, rising.length - 1)] as number];
  return a + (place - low) * (b - a);
};

/**
 * An estimate with the middle 95% of its replicates, moved so that their mean lies on it: a distance is larger for
 * samples drawn from samples, and that bias is none of the spread.
 */
export const withInterval = (value: number, replicates: readonly number[]): Estimate => {
  const rising = Float64Array.from(replicates).sort();
  const shift = value - rising.reduce((sum, each) => sum + each, 0) / rising.length;
  return { value, interval: [quantile(rising, TAIL) + shift, quantile(rising, 1 - TAIL) + shift] };
};

/** The mean of one value an image, with its interval. */
export const meanEstimate = (values: ArrayLike<number>, generator: Generator): Estimate => {
  const mean = (counts?: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += (counts?.[i] ?? 1) * (values[i] as number);
    return sum / values.length;
  };
  return withInterval(
    mean(),
    resamplings(values.length, generator).map((counts) => mean(counts)),
  );
};
