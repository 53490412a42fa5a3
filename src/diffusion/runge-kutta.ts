import { ArgumentError, NonFiniteError } from "../base/index.ts";

export interface Tolerances {
  /** Relative and absolute error allowed in a step, by the root mean square over coordinates. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Steps, taken or refused, after which the equation counts as too stiff. */
  readonly maxSteps?: number;
}

/** The coefficients of Dormand and Prince (1980), table 2. */
const A = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
] as const;
const C = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
/** The fifth order less the fourth. */
const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];

/** dy/ds. */
export type Derivative = (y: Float64Array, s: number) => Promise<Float64Array>;

/** y + h Σ weights · slopes. */
const moved = (y: Float64Array, h: number, weights: readonly number[], slopes: readonly Float64Array[]) => {
  const out = y.slice();
  for (const [k, slope] of slopes.entries()) add(out, h * (weights[k] ?? 0), slope);
  return out;
};
const add = (total: Float64Array, factor: number, slope: Float64Array): void => {
  if (factor === 0) return;
  for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + factor * (slope[i] as number);
};

/**
 * y at `end` from y at `start`, by the pair of Runge–Kutta rules of orders 5 and 4, whose difference sets the step
 * (Dormand and Prince 1980; step control after Hairer, Nørsett and Wanner 1993, section II.4).
 * @throws ArgumentError when it takes more than `maxSteps` steps; NonFiniteError where dy/ds is not finite
 */
export const rungeKutta45 = async (
  derivative: Derivative,
  initial: Float64Array,
  [start, end]: readonly [start: number, end: number],
  { rtol = 1e-5, atol = 1e-5, maxSteps = 10_000 }: Tolerances = {},
): Promise<Float64Array> => {
  let [y, s] = [initial, start];
  let h = (end - start) / 20;
  let first = await derivative(y, s);
  for (let step = 0; step < maxSteps; step++) {
    if (!first.every(Number.isFinite)) throw nonFinite(s);
    if (Math.abs(h) >= Math.abs(end - s)) h = end - s;
    const slopes = [first];
    for (let stage = 1; stage < C.length; stage++)
      slopes.push(
        await derivative(moved(y, h, A[stage] as readonly number[], slopes), s + h * (C[stage] as number)),
      );
    const next = moved(y, h, A[6], slopes);
    const zero = new Float64Array(y.length);
    const error = errorNorm(moved(zero, h, ERROR, slopes), { y, next, rtol, atol });
    // A step too far may leave the finite numbers, and is refused like any other.
    const factor = Number.isFinite(error) ? Math.min(5, Math.max(0.2, 0.9 * error ** -0.2)) : 0.2;
    if (error <= 1) {
      if (h === end - s) return next;
      [y, s, first] = [next, s + h, slopes.at(-1) as Float64Array];
    }
    h *= factor;
  }
  throw new ArgumentError({
    who: "Runge–Kutta",
    expected: `to arrive within ${maxSteps} steps`,
    got: `only to ${s} of ${end}`,
    hint: "allow a larger error",
  });
};

const nonFinite = (s: number): NonFiniteError =>
  new NonFiniteError({ who: "Runge–Kutta", expected: "a finite slope", got: `NaN or infinity at s = ${s}` });

const errorNorm = (
  error: Float64Array,
  { y, next, rtol, atol }: { y: Float64Array; next: Float64Array; rtol: number; atol: number },
): number => {
  let sum = 0;
  for (let i = 0; i < error.length; i++) {
    const scale = atol + rtol * Math.max(Math.abs(y[i] as number), Math.abs(next[i] as number));
    sum += ((error[i] as number) / scale) ** 2;
  }
  return Math.sqrt(sum / error.length);
};
