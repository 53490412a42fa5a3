import type { NDArray } from "../base/index.ts";
import { type Level, lambdaOf } from "../diffusion/index.ts";
import type { DpmOptions } from "./dpm-multistep.ts";
import {
  type AlgorithmName,
  advance,
  algorithms,
  exponentialWeights,
  outputOf,
  type Past,
  type Weights,
} from "./exponential.ts";
import type { Sampler } from "./sampler.ts";

interface Memory {
  /** Where the present block of steps started. */
  readonly start: { readonly x: NDArray; readonly level: Level } | null;
  /** Outputs in the block, the start's first. */
  readonly block: readonly Past[];
  readonly orders: readonly number[];
}

/** Which step of its block each step is: blocks of `order`, the last as long as steps are left. */
export const singlestepOrders = (
  levels: readonly Level[],
  { order = 2, lowerOrderFinal = true }: DpmOptions,
): number[] => {
  const steps = levels.length - 1;
  const places = Array.from({ length: steps }, (_, i) => (i % order) + 1);
  if (lowerOrderFinal && places.at(-1) === order && order > 1) {
    // The last whole block falls apart: 1, 2 becomes 1, 1, and 1, 2, 3 becomes 1, 2, 1.
    places[steps - 1] = 1;
  }
  if (levels.at(-1)?.sigma === 0) places[steps - 1] = 1;
  return places;
};

/** Factors of the block's outputs, the start's first, over the whole way h from the start. */
const factorsOf = (
  { weights: [first, second, third] }: Weights,
  lambdas: readonly number[],
  h: number,
  solver: "midpoint" | "heun",
): number[] => {
  const [l0 = 0, l1 = 0, l2] = lambdas;
  if (lambdas.length === 1) return [first];
  const r1 = (l1 - l0) / h;
  if (l2 === undefined) {
    const part = (solver === "midpoint" ? first / 2 : second) / r1;
    return [first - part, part];
  }
  const r2 = (l2 - l0) / h;
  if (solver === "midpoint") return [first - second / r2, 0, second / r2];
  // The parabola through the three outputs: its slope at the start, and its bend.
  const slope = [-(r1 + r2) / (r1 * r2), r2 / (r1 * (r2 - r1)), -r1 / (r2 * (r2 - r1))];
  const bend = [2 / (r1 * r2), -2 / (r1 * (r2 - r1)), 2 / (r2 * (r2 - r1))];
  return slope.map((factor, k) => second * factor + third * (bend[k] as number) + (k === 0 ? first : 0));
};

/**
 * DPM-Solver and DPM-Solver++ in their singlestep form (Lu et al. 2022a, algorithms 1 and 2; Lu et al. 2022b,
 * algorithm 1), on the levels of the path: the first step of a block is Euler's, the second and third start again
 * from the block's start with what was learned on the way.
 */
export const dpmSinglestep = (options: DpmOptions = {}): Sampler<Memory> => {
  const { algorithm: name = "dpmsolver++", order = 2, solver = "midpoint" } = options;
  const algorithm = algorithms[name satisfies AlgorithmName];
  return {
    name: `dpm singlestep (${name})`,
    order: algorithm.stochastic ? 1 : order,
    evaluations: (steps) => steps,
    init: (levels, begin) => ({
      start: null,
      block: [],
      orders: singlestepOrders(levels, options).slice(begin),
    }),
    async step({ x, from, to, denoise, noise, memory }) {
      const denoised = await denoise(x, from);
      const output = { lambda: lambdaOf(from), output: outputOf(algorithm, denoised, x, from) };
      const [place = 1, ...orders] = memory.orders;
      const still = memory.block.some(({ lambda }) => lambda === output.lambda);
      const begins = place === 1 || memory.start === null || still;
      const start = begins ? { x, level: from } : (memory.start as { x: NDArray; level: Level });
      const block = begins ? [output] : [...memory.block, output];
      const weights = exponentialWeights(algorithm, start.level, to);
      const lambdas = block.map(({ lambda }) => lambda);
      const h = lambdaOf(to) - lambdaOf(start.level);
      const factors = factorsOf(weights, lambdas, h, solver === "heun" ? "heun" : "midpoint");
      const outputs = block.map(({ output }) => output);
      const end = advance(weights, { x: start.x, noise }, outputs, factors);
      return { x: end, denoised: denoised.x0, memory: { start, block, orders } };
    },
  };
};
