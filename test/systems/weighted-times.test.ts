import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { importanceTimes } from "../../src/systems/weighted-times.ts";

const STEPS = 4;
/** What a timestep's loss is: the last three times as large as the others. */
const lossAt = (t: number): number => (t === STEPS - 1 ? 3 : 1);

/** Ten losses of every timestep, in their order. */
const taught = () => {
  const times = importanceTimes(STEPS);
  const t = NDArray.of(
    Array.from({ length: 10 * STEPS }, (_, i) => i % STEPS),
    [10 * STEPS],
  );
  const importance = NDArray.of(
    Array.from(t.data, (time) => 0.5 + time),
    [10 * STEPS],
  );
  // Losses come multiplied with the importance that their times were fed with.
  const losses = Float32Array.from(t.data, (time, i) => lossAt(time) * (importance.data[i] as number));
  times.seen({ t, importance }, losses);
  return times;
};

describe("times drawn by their losses", () => {
  it("are even, and count alike, before every timestep has been seen ten times", () => {
    const { times, importance } = importanceTimes(STEPS).draw(4000, new Generator(1));
    for (let t = 0; t < STEPS; t++) {
      const share = times.filter((time) => time === t).length / 4000;
      expect(Math.abs(share - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 4000)); // four standard errors
    }
    expect(new Set(importance.data)).toEqual(new Set([1]));
  });

  it("are drawn as often as the root of their mean squared loss, and divided by that", () => {
    const { times, importance } = taught().draw(4000, new Generator(2));
    const share = times.filter((time) => time === 3).length / 4000;
    expect(Math.abs(share - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 4000) + 0.001); // a thousandth stays even
    const mean = times.reduce((sum, t, i) => sum + lossAt(t) * (importance.data[i] as number), 0) / 4000;
    expect(Math.abs(mean - 6 / 4)).toBeLessThan(0.01); // every weighted loss is the mean, but for that thousandth
  });

  it("go on from what a checkpoint keeps of them", () => {
    const whole = taught();
    const resumed = importanceTimes(STEPS);
    resumed.memory.losses.value = NDArray.from(whole.memory.losses.value);
    expect(resumed.draw(100, new Generator(3))).toEqual(whole.draw(100, new Generator(3)));
    expect(whole.memory.losses.value.isFinite()).toBe(true);
  });
});
