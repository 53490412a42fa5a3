import type { Arithmetic } from "../base/index.ts";
import { stepVariance } from "./posterior.ts";
import type { Level } from "./process.ts";

/** alpha and sigma of one level, or arrays of them that broadcast over the samples, [n, 1, 1, 1]. */
export interface Coefficients<A> {
  readonly alpha: A | number;
  readonly sigma: A | number;
}

/** A sample of q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I) from standard normal noise (Ho et al. 2020, eq. 4). */
export const qSample = <A extends Arithmetic<A>>(x0: A, eps: A, { alpha, sigma }: Coefficients<A>): A =>
  x0.mul(alpha).add(eps.mul(sigma));

/** A sample of q(x_t | x_{t−1}) = N(√(1 − β_t) x_{t−1}, β_t I) from standard normal noise (Ho et al. 2020, eq. 2). */
export const qStep = <A extends Arithmetic<A>>(xPrev: A, beta: number, eps: A): A =>
  xPrev.mul(Math.sqrt(1 - beta)).add(eps.mul(Math.sqrt(beta)));

/** x_t = ofX · x_s + ofNoise · noise, a draw from q(x_t | x_s) between two levels (Kingma et al. 2021, eq. 14). */
export const qBetween = (from: Level, to: Level): { readonly ofX: number; readonly ofNoise: number } => ({
  ofX: to.alpha / from.alpha,
  ofNoise: Math.sqrt(stepVariance(to, from)),
});
