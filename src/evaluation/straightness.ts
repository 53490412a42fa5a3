import { ArgumentError, NDArray } from "../base/index.ts";

/** A flow's state at a time. */
export interface FlowState {
  readonly time: number;
  /** [n, ...] */
  readonly x: NDArray;
}

/**
 * How far a flow's paths are from straight lines: ∫ E‖(z_1 − z_0) − dz_t/dt‖² dt, the mean over samples, from the states of
 * one walk by Euler's rule in the flow's time (Liu et al. 2023, section 2.2). 0 where one step does what all do.
 * @param states in the order of the walk
 * @throws ArgumentError for fewer than two states
 */
export const straightness = (states: readonly FlowState[]): number => {
  const [first, last] = [states[0], states.at(-1)];
  if (!first || !last || states.length < 2)
    throw new ArgumentError({
      who: "straightness",
      expected: "two states or more",
      got: String(states.length),
    });
  const whole = last.time - first.time;
  let sum = 0;
  for (const [i, to] of states.slice(1).entries()) {
    const from = states[i] as FlowState;
    const step = to.time - from.time;
    const velocity = NDArray.combine([1 / step, to.x], [-1 / step, from.x]);
    const apart = NDArray.combine([1 / whole, last.x], [-1 / whole, first.x], [-1, velocity]);
    let squares = 0;
    for (const value of apart.data) squares += value * value;
    sum += (squares / (first.x.shape[0] ?? 1)) * (step / whole);
  }
  return sum;
};
