import { ArgumentError } from "../base/index.ts";

/** Rounds halves to even, as NumPy does. */
const round = (value: number): number => {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
};

/** The i-th (from 0, noisiest first) of n among T timesteps. */
type Rule = (i: number, n: number, T: number) => number;

/** Multiples of T / n back from T − 1 (Lin et al. 2024, section 3.3); halves fall as NumPy's `arange` computes them. */
const trailing: Rule = (i, n, T) => round(T + i * (T - T / n - T)) - 1;
/** n in equal steps from T − 1 to 0, rounded as NumPy's `linspace` is. */
const evenly: Rule = (i, n, T) =>
  i === 0 && n > 1 ? T - 1 : round((n - 1 - i) * ((T - 1) / Math.max(1, n - 1)));
/** Multiples of ⌊T / n⌋ from 0: never quite reaches T − 1. */
const leading: Rule = (i, n, T) => (n - 1 - i) * Math.floor(T / n);

/** Some of the timesteps that a model was distilled at, evenly from the noisiest down (Luo et al. 2023, section 3). */
const distilledAt =
  (known: number): Rule =>
  (i, n, T) =>
    (known - Math.floor((i * known) / n)) * Math.floor(T / known) - 1;

const ode = {
  leading,
  linspace: (i, n, T) => ((n - 1 - i) * (T - 1)) / Math.max(1, n - 1),
  trailing,
} as const satisfies Readonly<Record<string, Rule>>;

/** n of n + 1, as the last step ends at another level. */
const exponential = {
  leading: (i, n, T) => (n - i) * Math.floor(T / (n + 1)),
  linspace: (i, n, T) => evenly(i, n + 1, T),
  trailing,
} as const satisfies Readonly<Record<string, Rule>>;

/**
 * Where diffusers' classes put timesteps. A `chain` (DDPM, DDIM and the like) keeps n of T; an `ode` solver
 * (Euler and the like) also takes fractions, except that a `midpoint` one (KDPM2) rounds Karras' spacing; an
 * `exponential` one (DPM-Solver and the like) takes the first n of n + 1, since its last step ends at another level;
 * a `multistep` one (DPM-Solver's) is such a one that rounds no noise of the cosine schedule; an `ends` one always
 * keeps both ends.
 */
const grids = {
  chain: {
    leading,
    linspace: evenly,
    trailing,
  },
  ode,
  midpoint: ode,
  exponential,
  multistep: exponential,
  ends: { leading: ode.linspace, linspace: ode.linspace, trailing: ode.linspace },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Rule>>>>;

/** A `distilled` model (LCM, TCD) has the timesteps that it was distilled at, whatever their spacing. */
export type Grid = keyof typeof grids | "distilled";
export type Spacing = keyof typeof grids.chain;
export const spacingNames = Object.keys(grids.chain) as Spacing[];

export interface SpacingOptions {
  /** n, how many timesteps to keep. */
  readonly steps: number;
  /** T, how many timesteps the network was trained at. */
  readonly trained: number;
  /** diffusers' `steps_offset`, added to `leading` timesteps: 1 for Stable Diffusion. */
  readonly offset?: number;
  readonly grid?: Grid;
  /** How many timesteps a distilled model knows; 50 in the paper. */
  readonly distilled?: number;
}

/**
 * Timesteps to visit, noisiest first, as diffusers' `timestep_spacing` places them.
 * @throws ArgumentError unless 1 ≤ steps ≤ trained, or as many as a distilled model knows
 */
export const spacedTimesteps = (
  spacing: Spacing,
  { steps, trained, offset = 0, grid = "chain", distilled = 50 }: SpacingOptions,
): number[] => {
  if (grid === "distilled") requireDistilled(trained, distilled);
  requireSteps(steps, grid === "distilled" ? distilled : trained);
  const rule: Rule = grid === "distilled" ? distilledAt(distilled) : grids[grid][spacing];
  const shift = spacing === "leading" ? offset : 0;
  return Array.from({ length: steps }, (_, i) => rule(i, steps, trained) + shift);
};

const requireDistilled = (trained: number, known: number): void => {
  if (trained >= known) return;
  throw new ArgumentError({
    who: "timesteps",
    expected: `at least ${known}, those that a consistency model was distilled at`,
    got: String(trained),
  });
};

/** @throws ArgumentError unless 1 ≤ steps ≤ trained */
export const requireSteps = (steps: number, trained = Number.MAX_SAFE_INTEGER): void => {
  if (Number.isInteger(steps) && steps >= 1 && steps <= trained) return;
  const many = trained < Number.MAX_SAFE_INTEGER;
  throw new ArgumentError({
    who: "steps",
    expected: many
      ? `an integer from 1 to ${trained}, the timesteps the network was trained at`
      : "an integer of at least 1",
    got: String(steps),
  });
};
