import { describe, expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { trendOf } from "../../src/train/trend.ts";

const index = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** 200 draws of noise of deviation 1, as a training loss has around its mean. */
const noise = (seed: number): number[] => [...new Generator(seed).normal([200]).data];
/** Part of the noise series of 200 seeds for which a condition holds. */
const share = (holds: (series: readonly number[]) => boolean): number =>
  index(200).filter((seed) => holds(noise(seed))).length / 200;

describe("trendOf", () => {
  it("is the Mann–Kendall statistic of the means", () => {
    const deviation = Math.sqrt((20 * 19 * 45) / 18);
    expect(trendOf(index(20))).toEqual({ direction: "rising", z: (190 - 1) / deviation });
    expect(trendOf(index(20).reverse())).toEqual({ direction: "falling", z: (1 - 190) / deviation });
    expect(trendOf(index(100).map(() => 3))).toEqual({ direction: "flat", z: 0 });
    const swapped = index(20).map((i) => (i < 2 ? 1 - i : i)); // one pair of 190 falls: S = 188
    expect(trendOf(swapped).z).toBeCloseTo(187 / deviation, 12);
  });

  it("takes means of equal parts, so that noise within them is averaged out", () => {
    const wild = index(400).map((i) => i / 1000 + (i % 2 ? 5 : -5));
    expect(trendOf(wild)).toEqual(trendOf(index(20)));
  });

  // 200 seeds: a share of 1% stays below 4% and one of 50% above 35% but for 4 deviations of chance
  it("calls noise rising in about 1 of 100 cases, and falling in no more than half", () => {
    expect(share((series) => trendOf(series).direction === "rising")).toBeLessThan(0.04);
    expect(share((series) => trendOf(series).direction === "flat")).toBeGreaterThan(0.35);
  });

  it("sees a fall and a rise of one deviation through noise of one deviation", () => {
    const tilted = (slope: number) => (series: readonly number[]) =>
      trendOf(series.map((value, i) => value + (slope * i) / series.length)).direction;
    expect(share((series) => tilted(-1)(series) === "falling")).toBeGreaterThan(0.98);
    expect(share((series) => tilted(1)(series) === "rising")).toBeGreaterThan(0.8);
  });
});
