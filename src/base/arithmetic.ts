/**
 * The small arithmetic that host arrays ({@link NDArray}) and traced tensors share, so that a formula
 * of `diffusion/` is written once and serves training and sampling. Binary operations broadcast by
 * NumPy's rule; every operation returns a new value.
 */
export interface Arithmetic<Self> {
  readonly shape: readonly number[];
  add(other: Self | number): Self;
  sub(other: Self | number): Self;
  mul(other: Self | number): Self;
  div(other: Self | number): Self;
  neg(): Self;
  sqrt(): Self;
  exp(): Self;
  log(): Self;
  /** Each element into [low, high]. */
  clamp(low: number, high: number): Self;
  reshape(shape: readonly number[]): Self;
  /** The same values as constants: no derivative passes. */
  detach(): Self;
  /** Sum over the axes (all when absent). */
  sum(axes?: readonly number[], keepDims?: boolean): Self;
  /** Mean over the axes (all when absent). */
  mean(axes?: readonly number[], keepDims?: boolean): Self;
}
