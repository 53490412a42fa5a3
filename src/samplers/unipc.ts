import { NDArray } from "../base/index.ts";
import { type Level, lambdaOf } from "../diffusion/index.ts";
import {
  type AlgorithmName,
  algorithms,
  exponentialWeights,
  outputOf,
  type Past,
  remembered,
} from "./exponential.ts";
import type { Sampler } from "./sampler.ts";

export interface UniPcOptions {
  /** 1 to 3. */
  readonly order?: number;
  readonly algorithm?: Extract<AlgorithmName, "dpmsolver" | "dpmsolver++">;
  /** B(h) = h, or e^h − 1. */
  readonly solver?: "bh1" | "bh2";
  readonly lowerOrderFinal?: boolean;
  /** Steps, from 0, that are not corrected. */
  readonly uncorrected?: readonly number[];
}

interface Memory {
  readonly past: readonly Past[];
  /** The step before, which the next output corrects. */
  readonly last: { readonly x: NDArray; readonly from: Level; readonly order: number } | null;
  readonly index: number;
  readonly steps: number;
}

/** A step shorter than this in λ stays where it is: a path may name its last level twice. */
const STILL = 1e-6;

/** The solution of a small linear system by elimination with pivots. */
const solve = (matrix: readonly (readonly number[])[], right: readonly number[]): number[] => {
  const rows = matrix.map((row, i) => [...row, right[i] as number]);
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    const size = (row: readonly number[]) => Math.abs(row[column] as number);
    const rest = rows.slice(column).sort((a, b) => size(b) - size(a));
    rows.splice(column, n - column, ...rest);
    const pivot = rows[column] as number[];
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = (row[column] as number) / (pivot[column] as number);
      for (let k = column; k <= n; k++) row[k] = (row[k] as number) - factor * (pivot[k] as number);
    }
  }
  return rows.map((row, i) => (row[n] as number) / (row[i] as number));
};

/**
 * The coefficients a of the differences (output_k − output_0) / r_k that make Σ a r^i exact for every power of
 * the way, i = 0 … (Zhao et al. 2023, theorem 3.1): Vandermonde's matrix against the exponential's integrals.
 */
const coefficients = (ratios: readonly number[], z: number, B: number): number[] => {
  let [phi, factorial] = [Math.expm1(z) / z - 1, 1];
  const right = ratios.map((_, i) => {
    factorial *= i + 1;
    const value = (phi * factorial) / B;
    phi = phi / z - 1 / (factorial * (i + 2));
    return value;
  });
  return solve(
    ratios.map((_, i) => ratios.map((r) => r ** i)),
    right,
  );
};

/**
 * UniPC (Zhao et al. 2023, algorithms 5 and 6): each output first corrects the step that led to it, at no
 * further evaluation, then predicts the next one.
 */
export const uniPc = (options: UniPcOptions = {}): Sampler<Memory> => {
  const { order = 2, algorithm: name = "dpmsolver++", solver = "bh2", lowerOrderFinal = true } = options;
  const { uncorrected = [] } = options;
  const algorithm = algorithms[name];

  /** The step from x along the outputs; with `ahead`, the output at its end, it is the corrector. */
  const walk = (x: NDArray, from: Level, to: Level, past: readonly Past[], ahead?: NDArray): NDArray => {
    const { carry, weights } = exponentialWeights(algorithm, from, to);
    const [start, ...before] = past as [Past, ...Past[]];
    const h = lambdaOf(to) - lambdaOf(from);
    const z = algorithm.of === "x0" ? -h : h;
    const B = solver === "bh1" ? z : Math.expm1(z);
    const others = [...before.map(({ output }) => output), ...(ahead ? [ahead] : [])];
    const ratios = [...before.map(({ lambda }) => (lambda - start.lambda) / h), ...(ahead ? [1] : [])];
    // With one difference any coefficient is of the same order, and the paper takes 1/2.
    const found = others.length === 1 ? [0.5] : coefficients(ratios, z, B);
    const gain = (algorithm.of === "x0" ? -to.alpha : -to.sigma) * B;
    const parts = found.map((a, k) => (gain * a) / (ratios[k] as number));
    const own = weights[0] - parts.reduce((sum, part) => sum + part, 0);
    return NDArray.combine(
      [carry, x],
      [own, start.output],
      ...parts.map((part, k) => [part, others[k] as NDArray] as const),
    );
  };

  return {
    name: "unipc",
    order,
    evaluations: (steps) => steps,
    init: (levels, begin = 0) => ({ past: [], last: null, index: begin, steps: levels.length - 1 }),
    async step({ x, from, to, denoise, memory: { past, last, index, steps } }) {
      const denoised = await denoise(x, from);
      const output = outputOf(algorithm, denoised, x, from);
      const corrects = last !== null && !uncorrected.includes(index - 1);
      const corrected = corrects ? walk(last.x, last.from, from, past.slice(0, last.order), output) : x;
      const known = remembered({ lambda: lambdaOf(from), output }, past, order);
      const most = Math.min(order, lowerOrderFinal ? steps - index : order);
      const straight = to.sigma === 0 || Math.abs(lambdaOf(to) - lambdaOf(from)) < STILL;
      const now = straight ? 1 : Math.min(most, known.length);
      const end = walk(corrected, from, to, known.slice(0, now));
      const memory = { past: known, last: { x: corrected, from, order: now }, index: index + 1, steps };
      return { x: end, denoised: denoised.x0, memory };
    },
  };
};
