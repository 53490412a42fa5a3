/** Where a series goes. */
export interface Trend {
  /** `falling`: more pairs of means fall than rise. `rising`: the rise is significant. `flat`: neither. */
  readonly direction: "falling" | "flat" | "rising";
  /** Mann–Kendall statistic in standard deviations; negative when the series falls. */
  readonly z: number;
}

/** Means that smooth a series before its trend is tested. */
const MEANS = 20;
/** One-sided 1% point of the normal distribution. */
const SIGNIFICANT = 2.326;

/**
 * The Mann–Kendall test (Mann 1945, Kendall 1975) on the means of 20 equal parts of a series of at least 20:
 * S counts the pairs of means that rise less those that fall, and has under no trend the variance
 * n(n − 1)(2n + 5)/18. It asks nothing of the distribution, and one wild mean moves it little.
 */
export const trendOf = (series: readonly number[]): Trend => {
  const s = pairsRising(partMeans(series, MEANS));
  const z = (s - Math.sign(s)) / Math.sqrt((MEANS * (MEANS - 1) * (2 * MEANS + 5)) / 18);
  return { direction: s < 0 ? "falling" : z > SIGNIFICANT ? "rising" : "flat", z };
};

const partMeans = (series: readonly number[], parts: number): number[] =>
  Array.from({ length: parts }, (_, k) => {
    const part = series.slice(
      Math.floor((k * series.length) / parts),
      Math.floor(((k + 1) * series.length) / parts),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });

const pairsRising = (values: readonly number[]): number =>
  values.reduce(
    (sum, later, j) =>
      sum + values.slice(0, j).reduce((pairs, earlier) => pairs + Math.sign(later - earlier), 0),
    0,
  );
