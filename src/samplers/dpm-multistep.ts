import { type Level, lambdaOf } from "../diffusion/index.ts";
import {
  type AlgorithmName,
  advance,
  algorithms,
  derivatives,
  exponentialWeights,
  outputOf,
  type Past,
  remembered,
  type Weights,
} from "./exponential.ts";
import type { Sampler } from "./sampler.ts";

/**
 * How much of the derivatives a step takes: a part of the value's weight, or their own integrals, of which the
 * second is halved; `exact` takes it whole, as the interpolating polynomial has it.
 */
export type SolverType = "midpoint" | "heun" | "exact";

export interface DpmOptions {
  readonly algorithm?: AlgorithmName;
  /** 1 to 3. */
  readonly order?: number;
  readonly solver?: SolverType;
  /** Fall to lower orders in the last steps of a path of fewer than 15. */
  readonly lowerOrderFinal?: boolean;
  /** Take the last step by Euler's rule in any case. */
  readonly eulerAtFinal?: boolean;
}

export interface MultistepMemory {
  readonly past: readonly Past[];
  /** The orders of the steps to come. */
  readonly orders: readonly number[];
}

/**
 * The order of every step from `begin` on: as many outputs as there are, one at the step to data, where h is infinite.
 */
export const multistepOrders = (
  levels: readonly Level[],
  { order = 2, lowerOrderFinal = true, eulerAtFinal = false }: DpmOptions,
  begin = 0,
): number[] => {
  const steps = levels.length - 1;
  const falling = lowerOrderFinal && steps < 15;
  return levels.slice(begin + 1).map((to, i) => {
    const left = steps - begin - i;
    if (to.sigma === 0 || (left === 1 && (falling || eulerAtFinal))) return 1;
    return Math.min(order, i + 1, falling ? left : order);
  });
};

/** The half of the second derivative that is left out keeps the third order from being one, however small steps are. */
const globalOrder = ({ algorithm = "dpmsolver++", order = 2, solver = "midpoint" }: DpmOptions): number => {
  if (algorithms[algorithm].stochastic) return 1;
  return solver === "exact" ? order : Math.min(order, 2);
};

/** Factors of the outputs in a step of an order. */
const factorsOf = (
  { weights: [first, second, third] }: Weights,
  lambdas: readonly number[],
  h: number,
  solver: SolverType,
): number[] => {
  if (lambdas.length === 1) return [first];
  const slopes = derivatives(lambdas, h);
  const midpoint = solver === "midpoint" && lambdas.length === 2;
  const parts = midpoint ? [first / 2] : [second, solver === "exact" ? 2 * third : third];
  return lambdas.map((_, k) =>
    slopes.reduce((sum, slope, i) => sum + (parts[i] ?? 0) * (slope[k] as number), k === 0 ? first : 0),
  );
};

/**
 * DPM-Solver and DPM-Solver++ in their multistep form (Lu et al. 2022b, algorithm 2; Lu et al. 2022a): a
 * polynomial in λ through the last outputs, integrated exactly.
 */
export const dpmMultistep = (options: DpmOptions = {}): Sampler<MultistepMemory> => {
  const { algorithm: name = "dpmsolver++", order = 2, solver = "midpoint" } = options;
  const algorithm = algorithms[name];
  return {
    name: `dpm multistep (${name})`,
    order: globalOrder(options),
    evaluations: (steps) => steps,
    init: (levels, begin) => ({ past: [], orders: multistepOrders(levels, options, begin) }),
    async step({ x, from, to, denoise, noise, memory }) {
      const denoised = await denoise(x, from);
      const newest = { lambda: lambdaOf(from), output: outputOf(algorithm, denoised, x, from) };
      const past = remembered(newest, memory.past, order);
      const [now = 1, ...orders] = memory.orders;
      const used = past.slice(0, now);
      const weights = exponentialWeights(algorithm, from, to);
      const lambdas = used.map(({ lambda }) => lambda);
      const factors = factorsOf(weights, lambdas, lambdaOf(to) - lambdaOf(from), solver);
      const end = advance(
        weights,
        { x, noise },
        used.map(({ output }) => output),
        factors,
      );
      return { x: end, denoised: denoised.x0, memory: { past, orders } };
    },
  };
};
