import { ArgumentError } from "../base/index.ts";
import type { DiffusionProcess, Level } from "../diffusion/index.ts";

/** Rounds halves to even, as NumPy does. */
const round = (value: number): number => {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
};

/** The i-th (from 0, noisiest first) of n among T timesteps, by diffusers' name of the spacing. */
const spacings = {
  /** Multiples of ⌊T / n⌋ from 0: never quite reaches T − 1. */
  leading: (i: number, n: number, T: number) => (n - 1 - i) * Math.floor(T / n),
  /** Equal distances with both ends, T − 1 and 0. */
  linspace: (i: number, n: number, T: number) => round(((n - 1 - i) * (T - 1)) / Math.max(1, n - 1)),
  /** Multiples of T / n back from T − 1 (Lin et al. 2024, section 3.3). */
  trailing: (i: number, n: number, T: number) => round(T - (i * T) / n) - 1,
} as const satisfies Readonly<Record<string, (i: number, n: number, T: number) => number>>;

export type Spacing = keyof typeof spacings;
export const spacingNames = Object.keys(spacings) as Spacing[];

export interface SpacingOptions {
  /** n, how many timesteps to keep. */
  readonly steps: number;
  /** T, how many timesteps the network was trained at. */
  readonly trained: number;
  /** diffusers' `steps_offset`, added to `leading` timesteps: 1 for Stable Diffusion. */
  readonly offset?: number;
}

/**
 * Timesteps to visit, noisiest first, as diffusers' `timestep_spacing` places them.
 * @throws ArgumentError unless 1 ≤ steps ≤ trained
 */
export const spacedTimesteps = (
  spacing: Spacing,
  { steps, trained, offset = 0 }: SpacingOptions,
): number[] => {
  if (!Number.isInteger(steps) || steps < 1 || steps > trained)
    throw new ArgumentError({
      who: "steps",
      expected: `an integer from 1 to ${trained}, the timesteps the network was trained at`,
      got: String(steps),
    });
  const shift = spacing === "leading" ? offset : 0;
  return Array.from({ length: steps }, (_, i) => spacings[spacing](i, steps, trained) + shift);
};

/**
 * The levels of these timesteps and, after them, where the last step ends: the clean level unless given
 * (`process.level(0)` is what diffusers' `set_alpha_to_one: false` ends at).
 */
export const levelPath = (
  process: DiffusionProcess,
  timesteps: readonly number[],
  last: Level = process.level(-1),
): Level[] => [...timesteps.map((t) => process.level(t)), last];
