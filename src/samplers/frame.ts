import { NDArray } from "../base/index.ts";
import { type Denoised, epsOf, type Level } from "../diffusion/index.ts";

/**
 * Coordinates in which the probability-flow ODE is dy/ds = d with y = x / scale: the further the solution
 * is from a straight line in them, the larger a solver's error.
 */
export interface Frame {
  scale(level: Level): number;
  /** s, falling towards the clean level, where it is 0. */
  position(level: Level): number;
  /** d as a mixture of x0 and eps. */
  readonly ofX0: number;
  readonly ofEps: number;
}

/** The frames of the literature. */
export const frames = {
  /** y = x / α, s = σ / α, dy/ds = eps (Karras et al. 2022, section 4; k-diffusion). It cannot start at α = 0. */
  karras: { scale: ({ alpha }) => alpha, position: ({ alpha, sigma }) => sigma / alpha, ofX0: 0, ofEps: 1 },
  /** y = x / (α + σ), s = σ / (α + σ), dy/ds = eps − x0: the rectified flow's own (Liu et al. 2023, eq. 1). */
  flow: {
    scale: ({ alpha, sigma }) => alpha + sigma,
    position: ({ alpha, sigma }) => sigma / (alpha + sigma),
    ofX0: -1,
    ofEps: 1,
  },
} as const satisfies Readonly<Record<string, Frame>>;

export type FrameName = keyof typeof frames;

/** dy/ds at x. */
export const slope = ({ ofX0, ofEps }: Frame, denoised: Denoised, x: NDArray, level: Level): NDArray =>
  NDArray.combine([ofEps, epsOf(denoised, x, level)], [ofX0, denoised.x0]);

/** x at level `to`, reached from x at `from` along slopes, each weighted: y' = y + (s' − s) Σ weight · slope. */
export const along = (
  frame: Frame,
  { x, from, to }: { readonly x: NDArray; readonly from: Level; readonly to: Level },
  ...slopes: readonly (readonly [weight: number, slope: NDArray])[]
): NDArray => {
  const scale = frame.scale(to);
  const way = frame.position(to) - frame.position(from);
  const terms = slopes.map(([weight, array]) => [scale * way * weight, array] as const);
  return NDArray.combine([scale / frame.scale(from), x], ...terms);
};
