import type { NDArray } from "../base/index.ts";
import type { Denoiser, Level } from "../diffusion/index.ts";

/** Where a step starts and what it may use. */
export interface StepArguments<M> {
  /** The sample at level `from`, [n, ...]. */
  readonly x: NDArray;
  readonly from: Level;
  readonly to: Level;
  /** Called as often as the step's order needs. */
  readonly denoise: Denoiser;
  /** Fresh standard normal noise in the shape of x. */
  readonly noise: () => NDArray;
  readonly memory: M;
}

/** Where a step ends. */
export interface StepResult<M> {
  /** The sample at level `to`. */
  readonly x: NDArray;
  /** The estimate of the clean sample that the step went by. */
  readonly denoised: NDArray;
  readonly memory: M;
}

/** A rule that takes a sample from one noise level to the next. It keeps no state but its `memory`. */
export interface Sampler<M = unknown> {
  readonly name: string;
  /** The order of its global error in the size of a step; for stochastic rules of its moments. */
  readonly order: number;
  /** How often it calls the denoiser in this many steps, the last to data; null when that hangs on the samples. */
  evaluations(steps: number): number | null;
  /**
   * The memory before the first step.
   * @param levels the whole path, for rules that plan ahead
   * @param begin the index of the level where the walk begins, 0 when absent
   */
  init(levels: readonly Level[], begin?: number): M;
  step(args: StepArguments<M>): Promise<StepResult<M>>;
  /** Whether it also walks up the levels; the driver adds noise in place of other samplers' steps up. */
  readonly climbs?: boolean;
}

/** A sampler of one evaluation a step and no memory. */
export const plainSampler = (
  name: string,
  step: (args: StepArguments<undefined>) => Promise<Omit<StepResult<undefined>, "memory">>,
): Sampler<undefined> => ({
  name,
  order: 1,
  evaluations: (steps) => steps,
  init: () => undefined,
  step: async (args) => ({ ...(await step(args)), memory: undefined }),
});
