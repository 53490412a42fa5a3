import type { NDArray } from "../base/index.ts";
import type { FrameOptions } from "./euler.ts";
import { along, frames, slope } from "./frame.ts";
import type { Sampler } from "./sampler.ts";

export interface LmsOptions extends FrameOptions {
  /** How many slopes a step goes by, 1 to 4. */
  readonly order?: number;
}

/** A slope and where it was. */
interface Past {
  readonly position: number;
  readonly d: NDArray;
}

/** The two points at which a cubic's average over [-1, 1] is the average of its values (Gauss and Legendre). */
const GAUSS = [-1 / Math.sqrt(3), 1 / Math.sqrt(3)];

/** The average over [start, end] of the polynomial that is 1 at positions[j] and 0 at the others. */
const averageWeight = (positions: readonly number[], j: number, start: number, end: number): number => {
  const own = positions[j] as number;
  const others = positions.filter((_, k) => k !== j);
  const at = (s: number) => others.reduce((product, other) => (product * (s - other)) / (own - other), 1);
  const [middle, half] = [(start + end) / 2, (end - start) / 2];
  return GAUSS.reduce((sum, point) => sum + at(middle + half * point) / 2, 0);
};

/**
 * Linear multistep: a polynomial through the slopes of the last steps, integrated over the next one
 * (Adams and Bashforth with unequal steps; Karras et al. 2022's code base, k-diffusion).
 */
export const lms = ({ order = 4, frame: name = "karras" }: LmsOptions = {}): Sampler<readonly Past[]> => {
  const frame = frames[name];
  return {
    name: "lms",
    order,
    evaluations: (steps) => steps,
    init: () => [],
    async step({ x, from, to, denoise, memory }) {
      const denoised = await denoise(x, from);
      const start = frame.position(from);
      const past = [{ position: start, d: slope(frame, denoised, x, from) }, ...memory].slice(0, order);
      const positions = past.map(({ position }) => position);
      const weighted = past.map(
        ({ d }, j) => [averageWeight(positions, j, start, frame.position(to)), d] as const,
      );
      return { x: along(frame, { x, from, to }, ...weighted), denoised: denoised.x0, memory: past };
    },
  };
};
