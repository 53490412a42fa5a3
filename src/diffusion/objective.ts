import type { Arithmetic } from "../base/index.ts";

/**
 * L_simple (Ho et al. 2020, eq. 14), one loss a sample, [n]: the squared error of the predicted noise,
 * averaged over all axes but the first.
 */
export const simpleLoss = <A extends Arithmetic<A>>(eps: A, predicted: A): A => {
  const error = predicted.sub(eps);
  return error.mul(error).mean(error.shape.map((_, axis) => axis).slice(1));
};
