import { quantile } from "./bootstrap.ts";

/** Distances of images to their nearest training image, and the same of images that training never saw. */
export interface Memorisation {
  /** Medians. */
  readonly samples: number;
  readonly heldOut: number;
  /**
   * Of each sample: the share of held-out images that are farther from their nearest training image, ties as half. Its
   * mean is ½ for samples that are as new as held-out images, and 1 for copies (the statistic of Mann and Whitney;
   * Meehan, Chaudhuri and Dasgupta 2020, section 3).
   */
  readonly closer: Float64Array;
}

/** What the distances [n] and [m] to the nearest training image say. */
export const memorisation = (samples: Float64Array, heldOut: Float64Array): Memorisation => {
  const rising = heldOut.toSorted();
  const below = (value: number, orEqual: boolean): number => {
    let [low, high] = [0, rising.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const each = rising[middle] as number;
      if (each < value || (orEqual && each === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const closer = samples.map((distance) => {
    const [less, notMore] = [below(distance, false), below(distance, true)];
    return (rising.length - notMore + (notMore - less) / 2) / rising.length;
  });
  return { samples: quantile(samples.toSorted(), 0.5), heldOut: quantile(rising, 0.5), closer };
};
