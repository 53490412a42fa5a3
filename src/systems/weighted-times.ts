import { type Generator, NDArray } from "../base/index.ts";
import { drawTimesteps, type LossHistory, REMEMBERED, remember } from "../diffusion/index.ts";
import { Buffer } from "../nn/index.ts";
import type { Arrays } from "../runtime/index.ts";

/** Times drawn as often as their losses are large, each loss divided by that. */
export interface WeightedTimes {
  /** n times, and what their losses are multiplied with, [n]. */
  draw(n: number, random: Generator): { readonly times: readonly number[]; readonly importance: NDArray };
  /** Learns from the losses [n] of feeds that came of a draw. */
  seen(feeds: Arrays, losses: Float32Array): void;
  /** What it keeps, as buffers: so that it lies in checkpoints, and a resumed run draws what the whole one draws. */
  readonly memory: { readonly losses: Buffer };
}

/** Of a place that remembers nothing yet. No loss that is remembered is below 0. */
const EMPTY = -1;

const historyOf = ({ data, shape: [steps = 0] }: NDArray): LossHistory => ({
  losses: Array.from({ length: steps }, (_, t) =>
    Array.from(data.subarray(t * REMEMBERED, (t + 1) * REMEMBERED)).filter((loss) => loss !== EMPTY),
  ),
});

const arrayOf = ({ losses }: LossHistory): NDArray =>
  NDArray.of(
    losses.flatMap((list) => [...list, ...Array<number>(REMEMBERED - list.length).fill(EMPTY)]),
    [losses.length, REMEMBERED],
  );

/** Timesteps 0 … T − 1 by the last losses of each (Nichol and Dhariwal 2021, section 3.3). */
export const importanceTimes = (steps: number): WeightedTimes => {
  const losses = new Buffer(arrayOf({ losses: Array.from({ length: steps }, () => []) }));
  return {
    memory: { losses },
    draw(n, random) {
      const drawn = drawTimesteps(historyOf(losses.value), n, random);
      return {
        times: drawn.map(({ t }) => t),
        importance: NDArray.of(
          drawn.map(({ weight }) => weight),
          [n],
        ),
      };
    },
    seen({ t, importance }, each) {
      const facts = Array.from(t?.data ?? [], (time, i) => ({
        t: time,
        loss: Math.max(0, (each[i] as number) / (importance?.data[i] as number)),
      }));
      losses.value = arrayOf(remember(historyOf(losses.value), facts));
    },
  };
};
