import { erf, greater, relu, tanh, where } from "./operations.ts";
import { constant, type Tensor } from "./tensor.ts";

/** x · Φ(x) with the normal distribution's Φ, not its approximation by tanh (Hendrycks and Gimpel 2016). */
export const gelu = (x: Tensor): Tensor => erf(x.mul(Math.SQRT1_2)).add(1).mul(x.mul(0.5));

/**
 * log(1 + exp(x)). With m = max(x, 0) it is m + log(exp(x − m) + exp(−m)), where nothing overflows; the sum does not
 * depend on m, so that every derivative is right at 0 too.
 */
export const softplus = (x: Tensor): Tensor => {
  const m = relu(x);
  return x.sub(m).exp().add(m.neg().exp()).log().add(m);
};

/** x · tanh(softplus(x)) (Misra 2019). */
export const mish = (x: Tensor): Tensor => x.mul(tanh(softplus(x)));

/** x where it is positive, else x · slope. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => where(greater(x, constant(0)), x, x.mul(slope));

/** The logarithm of a softmax over rows [n, d]. The largest number of each is taken off first, so that none overflows. */
export const logSoftmax = (rows: Tensor): Tensor => {
  const shifted = rows.sub(rows.max([1], true).detach());
  return shifted.sub(shifted.exp().sum([1], true).log());
};
