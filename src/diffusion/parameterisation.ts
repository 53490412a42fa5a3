import type { Arithmetic } from "../base/index.ts";
import type { Coefficients } from "./forward.ts";

/** x0 = (x − σ eps) / α (Ho et al. 2020, eq. 15). */
export const epsToX0 = <A extends Arithmetic<A>>(x: A, eps: A, { alpha, sigma }: Coefficients<A>): A =>
  x.sub(eps.mul(sigma)).div(alpha);

/** eps = (x − α x0) / σ, the inverse of {@link epsToX0}; sigma must not be 0. */
export const x0ToEps = <A extends Arithmetic<A>>(x: A, x0: A, { alpha, sigma }: Coefficients<A>): A =>
  x.sub(x0.mul(alpha)).div(sigma);
