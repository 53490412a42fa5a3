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
  /** The order of its global error in the size of a step. */
  readonly order: number;
  /** How often it calls the denoiser in this many steps. */
  evaluations(steps: number): number;
  /** The memory before the first step. */
  init(): M;
  step(args: StepArguments<M>): Promise<StepResult<M>>;
}
