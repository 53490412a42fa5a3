import { NDArray } from "../base/index.ts";
import { type Denoised, epsOf, type Level, lambdaOf } from "../diffusion/index.ts";

/**
 * What an exponential integrator holds constant, or interpolates, over a step while it solves the linear part of
 * the ODE exactly in λ = ln(α / σ), by diffusers' names: eps (Lu et al. 2022a, eq. 3.4) or x0 (Lu et al. 2022b,
 * eq. 8); the `sde-` forms solve the reverse SDE, and add the noise that it draws.
 */
export interface Algorithm {
  readonly of: "x0" | "eps";
  readonly stochastic: boolean;
}

export const algorithms = {
  "dpmsolver++": { of: "x0", stochastic: false },
  dpmsolver: { of: "eps", stochastic: false },
  "sde-dpmsolver++": { of: "x0", stochastic: true },
  "sde-dpmsolver": { of: "eps", stochastic: true },
} as const satisfies Readonly<Record<string, Algorithm>>;

export type AlgorithmName = keyof typeof algorithms;

/** x' = carry · x + Σ_k weights[k] · (the k-th derivative, in units of the step) + noise · z. */
export interface Weights {
  readonly carry: number;
  /** Of the value at the start and its first and second derivative; those of derivatives need a finite step. */
  readonly weights: readonly [number, number, number];
  readonly noise: number;
}

/**
 * The exact integrals of a polynomial against the exponential of a step: g₁ = gain (1 − e^(−z)),
 * g_{k+1} = gain / k! − g_k / z, with z = h for x0, −h for eps, where h is the way in λ (Lu et al. 2022a,
 * appendix B). The first is written without the exponential, so that it holds for the step to data, h = ∞. diffusers
 * takes g₃ − gain for the SDE of x0, under which moments do not come to the data's: its third order is not the one here.
 */
export const exponentialWeights = ({ of, stochastic }: Algorithm, from: Level, to: Level): Weights => {
  const h = lambdaOf(to) - lambdaOf(from);
  const [own, other] = of === "x0" ? (["alpha", "sigma"] as const) : (["sigma", "alpha"] as const);
  const plain = to[other] / from[other];
  // The SDE's x0 form forgets x twice as fast; its eps form doubles what eps takes away.
  const carry = stochastic && of === "x0" ? plain * Math.exp(-h) : plain;
  const double = stochastic && of === "eps" ? 2 : 1;
  const gain = double * to[own];
  const first = double * (to[own] - carry * from[own]);
  const z = (of === "x0" ? h : -h) * (stochastic && of === "x0" ? 2 : 1);
  return {
    carry,
    weights: [first, ...derivativeWeights(gain, first, z)],
    noise: stochastic ? to.sigma * Math.sqrt(Math.abs(Math.expm1(of === "x0" ? -2 * h : 2 * h))) : 0,
  };
};

/** g₂ and g₃ from g₁; below the given z by their series, as the recurrence would subtract nearly equal numbers. */
const derivativeWeights = (gain: number, first: number, z: number): [number, number] => {
  if (Math.abs(z) < 1e-3) return [gain * (z / 2 - z ** 2 / 6), gain * (z / 6 - z ** 2 / 24)];
  const second = gain - first / z;
  return [second, gain / 2 - second / z];
};

/** What the algorithm interpolates, of an estimate. */
export const outputOf = ({ of }: Algorithm, denoised: Denoised, x: NDArray, level: Level): NDArray =>
  of === "x0" ? denoised.x0 : epsOf(denoised, x, level);

/** An output and the λ of the level where it was taken. */
export interface Past {
  readonly lambda: number;
  readonly output: NDArray;
}

/** The newest outputs, those left out that were taken at the same level: a path may name one twice. */
export const remembered = (newest: Past, past: readonly Past[], order: number): Past[] =>
  [newest, ...past.filter(({ lambda }) => lambda < newest.lambda)].slice(0, order);

/** A combination of outputs, as a factor for each. */
type Factors = readonly number[];

/**
 * The first and second derivatives, in units of a step h, of the polynomial through two or three outputs, the
 * first of which is at the step's start: as factors of the outputs, by divided differences.
 */
export const derivatives = (lambdas: readonly number[], h: number): readonly Factors[] => {
  const [l0 = 0, l1 = 0, l2] = lambdas;
  if (h === 0) return lambdas.slice(1).map(() => lambdas.map(() => 0));
  const r0 = (l0 - l1) / h;
  if (l2 === undefined) return [[1 / r0, -1 / r0]];
  const r1 = (l1 - l2) / h;
  const near = [1 / r0, -1 / r0, 0];
  const far = [0, 1 / r1, -1 / r1];
  const bend = near.map((factor, k) => (factor - (far[k] as number)) / (r0 + r1));
  return [near.map((factor, k) => factor + r0 * (bend[k] as number)), bend];
};

/** carry · x + the weighted outputs + noise. */
export const advance = (
  { carry, noise: deviation }: Weights,
  { x, noise }: { readonly x: NDArray; readonly noise: () => NDArray },
  outputs: readonly NDArray[],
  factors: Factors,
): NDArray => {
  const terms = outputs.map((output, k) => [factors[k] ?? 0, output] as const);
  const drawn = deviation > 0 ? [[deviation, noise()] as const] : [];
  return NDArray.combine([carry, x], ...terms, ...drawn);
};
