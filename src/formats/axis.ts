/** What is in proportion on an axis: values, or their exponents. */
export type Scale = "linear" | "log";

/** Where values lie along an axis, and where it is labelled. */
export interface Axis {
  readonly ticks: readonly number[];
  /** The value at its beginning. */
  readonly first: number;
  /** Where a value lies on it, from 0 to 1. */
  readonly share: (value: number) => number;
}

/** Room at both ends for dots, as a share of the span. */
const ROOM = 0.09;
const MOST_TICKS = 9;

/** An axis that holds all values, with some room at both ends; on a logarithmic one they are positive. */
export const axisOf = (scale: Scale, values: readonly number[]): Axis => {
  const of = scale === "log" ? Math.log10 : (value: number) => value;
  const [low, high] = [Math.min(...values.map(of)), Math.max(...values.map(of))];
  const room = ROOM * (high - low) || 0.5;
  const [first, last] = [low - room, high + room];
  const back = scale === "log" ? (place: number) => 10 ** place : (place: number) => place;
  const inside = (tick: number) => of(tick) >= first && of(tick) <= last;
  return {
    ticks: (scale === "log" ? logarithmicTicks : linearTicks)(back(first), back(last)).filter(inside),
    first: back(first),
    share: (value) => (of(value) - first) / (last - first),
  };
};

/** 1, 2 and 5 times powers of ten, or fewer where that is too many. */
const logarithmicTicks = (low: number, high: number): number[] => {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const powers = Array.from({ length: to - from + 1 }, (_, k) => from + k);
  const all = [[1, 2, 5], [1, 3], [1]].map((factors) =>
    powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`))),
  );
  const within = (ticks: readonly number[]) => ticks.filter((tick) => tick >= low && tick <= high).length;
  return all.find((ticks) => within(ticks) <= MOST_TICKS) ?? (all.at(-1) as number[]);
};

const linearTicks = (low: number, high: number): number[] => {
  const rough = (high - low) / (MOST_TICKS - 2);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const from = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - from + 1 }, (_, k) =>
    Number(((from + k) * step).toPrecision(12)),
  );
};
