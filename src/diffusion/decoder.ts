import { constant, erf, greater, type Tensor, where } from "../tensor/index.ts";

/** Φ of the standard normal distribution. */
const cumulative = (x: Tensor): Tensor => erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5);

/** A probability below this counts as this, and teaches nothing. */
const LEAST = 1e-12;
const log = (probability: Tensor): Tensor => probability.clamp(LEAST, 1).log();

/** Beyond this a grey value is the darkest or brightest, whose share reaches to infinity. */
const EDGE = 0.999;

/**
 * ln p of grey values in [-1, 1] under normal distributions, each integrated over the width of the value, [n, ...]
 * (Ho et al. 2020, eq. 13): what `discretisedLog` is on numbers, for training.
 * @param logVariance the logarithm of the variance
 * @param levels how many values there are
 */
export const discretisedLogLikelihood = (
  x: Tensor,
  {
    mean,
    logVariance,
    levels = 256,
  }: { readonly mean: Tensor; readonly logVariance: Tensor; readonly levels?: number },
): Tensor => {
  const half = 1 / (levels - 1);
  const perDeviation = logVariance.mul(-0.5).exp();
  const apart = x.sub(mean);
  const below = cumulative(apart.add(half).mul(perDeviation));
  const above = cumulative(apart.sub(half).mul(perDeviation));
  const dark = greater(x.neg(), constant(EDGE));
  const bright = greater(x, constant(EDGE));
  return where(dark, log(below), where(bright, log(above.neg().add(1)), log(below.sub(above))));
};
