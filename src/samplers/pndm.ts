import { NDArray } from "../base/index.ts";
import {
  type Denoised,
  epsOf,
  epsRecovery,
  type Level,
  type NoiseProcess,
  type Prediction,
  predictions,
} from "../diffusion/index.ts";
import { along, frames } from "./frame.ts";
import type { Sampler, StepArguments } from "./sampler.ts";

export interface PndmOptions {
  /** Start with one improved Euler step in place of three of Runge and Kutta's, as Stable Diffusion does. */
  readonly skipPrk?: boolean;
  /** What is averaged over the steps: what the network predicts, at diffusers; eps in the paper. */
  readonly averages?: Prediction;
  /** How many timesteps long steps are taken to be, whatever the path; diffusers' are ⌊T / n⌋. */
  readonly stride?: number | undefined;
}

interface Memory {
  /** The last estimates, newest first. */
  readonly past: readonly NDArray[];
  /** How many steps still go by Runge and Kutta. */
  readonly warmUp: number;
  /** Whether the path is a single step, which takes one evaluation. */
  readonly single: boolean;
  readonly end: Level;
}

/** Weights of the newest estimates, as if steps were equal (Adams and Bashforth; Liu et al. 2022, eq. 12). */
const WEIGHTS = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

type Start = Pick<StepArguments<Memory>, "x" | "from">;
type Weighted = readonly [weight: number, estimate: NDArray];

/**
 * Pseudo numerical methods on the manifold of noised data (Liu et al. 2022): Runge and Kutta's fourth order for
 * three steps, then a linear multistep rule of the fourth order. Along DDIM's curved step both are of the second
 * (property 3.2).
 */
export const pndm = (
  process: NoiseProcess,
  { skipPrk = false, averages = "epsilon", stride }: PndmOptions = {},
): Sampler<Memory> => {
  const mixtureAt = predictions[averages];
  const estimateOf = (denoised: Denoised, x: NDArray, level: Level): NDArray => {
    const { ofX0, ofEps } = mixtureAt(level);
    return NDArray.combine([ofX0, denoised.x0], [ofEps, epsOf(denoised, x, level)]);
  };
  /** DDIM's step from x along a mean of estimates (Liu et al. 2022, eq. 11). */
  const transfer = ({ x, from }: Start, to: Level, ...estimates: readonly Weighted[]): NDArray => {
    const { ofX, ofOutput } = epsRecovery(mixtureAt(from), from);
    const eps = NDArray.combine([ofX, x], ...estimates.map(([w, e]) => [w * ofOutput, e] as const));
    return along(frames.karras, { x, from, to }, [1, eps]);
  };
  const levelOr = (end: Level, t: number): Level => (t < 0 || t > process.span[1] ? end : process.level(t));
  return {
    name: "pndm",
    order: 2,
    evaluations: (steps) => (skipPrk ? steps + Math.min(1, steps - 1) : steps + 3 * warmUpOf(steps)),
    init: (levels, begin = 0) => ({
      past: [],
      warmUp: skipPrk ? 0 : warmUpOf(levels.length - 1 - begin),
      single: levels.length - begin === 2,
      end: levels.at(-1) as Level,
    }),
    async step({ memory, ...args }) {
      const { x, from, to, denoise } = args;
      const estimate = async (at: NDArray, level: Level) => estimateOf(await denoise(at, level), at, level);
      const denoised = await denoise(x, from);
      const newest = estimateOf(denoised, x, from);
      const past = [newest, ...memory.past].slice(0, 4);
      const result = (x: NDArray, warmUp = 0) => ({
        x,
        denoised: denoised.x0,
        memory: { ...memory, past, warmUp },
      });
      if (memory.warmUp > 0) {
        // Of an odd number of timesteps the middle is between two: diffusers' goes to both, and is told the lower.
        const half = Math.floor((stride ?? from.t - to.t) / 2);
        const [above, below] = [process.level(from.t - half), process.level(to.t + half)];
        const second = await estimate(transfer(args, above, [1, newest]), { ...above, t: below.t });
        const third = await estimate(transfer(args, below, [1, second]), below);
        const fourth = await estimate(transfer(args, to, [1, third]), to);
        const sixths = [
          [1 / 6, newest],
          [1 / 3, second],
          [1 / 3, third],
          [1 / 6, fourth],
        ] as const;
        return result(transfer(args, to, ...sixths), memory.warmUp - 1);
      }
      const next = stride === undefined ? to : levelOr(memory.end, from.t - stride);
      if (past.length === 1 && !memory.single) {
        const second = await estimate(transfer(args, next, [1, newest]), { ...next, t: to.t });
        const start = stride === undefined ? from : levelOr(from, to.t + stride);
        return result(transfer({ x, from: start }, to, [0.5, newest], [0.5, second]));
      }
      const weights = WEIGHTS[past.length - 1] as readonly number[];
      return result(transfer(args, next, ...past.map((e, k) => [weights[k] as number, e] as const)));
    },
  };
};

/** Runge and Kutta's steps end at trained timesteps: the last step is never one of them. */
const warmUpOf = (steps: number): number => Math.min(3, steps - 1);
