import { NDArray } from "../base/index.ts";
import { constant, conv2d, convTranspose2d, type Tensor } from "../tensor/index.ts";

/** Binomial weights (1, 3, 3, 1) along both axes, of sum `gain`: one kernel for every channel. */
const binomial = (gain: number): Tensor => {
  const taps = [1, 3, 3, 1];
  const kernel = taps.flatMap((a) => taps.map((b) => (gain * a * b) / 64));
  return constant(NDArray.of(kernel, [1, 1, 4, 4]));
};

const halving = { stride: 2, padding: [1, 1, 1, 1] } as const;

/** [n, c, h, w] as n · c images of one channel. */
const apart = (x: Tensor): Tensor => x.reshape([-1, 1, ...x.shape.slice(2)]);

/**
 * Half the size by a low-pass filter (1, 3, 3, 1) that no pixel pattern passes as another (Zhang 2019); zeros
 * around. Height and width are even.
 */
export const firDownsample = (x: Tensor): Tensor => {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  return conv2d(apart(x), binomial(1), undefined, halving).reshape([n, c, h / 2, w / 2]);
};

/** Twice the size through the same filter: zeros between the pixels, smoothed. */
export const firUpsample = (x: Tensor): Tensor => {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const size = [2 * h, 2 * w] as const;
  return convTranspose2d(apart(x), binomial(4), { ...halving, size }).reshape([n, c, ...size]);
};
