import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { straightness } from "../../src/evaluation/index.ts";
import { normals } from "./sets.ts";

const at = (time: number, values: readonly number[]) => ({
  time,
  x: NDArray.of(values, [values.length / 2, 2]),
});

test("of straight lines at an even pace is 0, whatever the steps", () => {
  const [start, end] = [normals(1, 5, 2), normals(2, 5, 2)];
  const states = [1, 0.7, 0.65, 0.1, 0].map((time) => ({
    time,
    x: NDArray.combine([time, start], [1 - time, end]),
  }));
  expect(straightness(states)).toBeLessThan(1e-10); // states are float32, and a velocity divides by a step of 0.05
});

test("of a detour is the mean squared deviation of its velocity, by the time it takes", () => {
  // From (0, 0) to (4, 0) in all: half of the time along (1, 3) and half along (−1, 3), less the way itself.
  const states = [at(1, [0, 0]), at(0.5, [2, 3]), at(0, [4, 0])];
  expect(straightness(states)).toBeCloseTo(36, 6);
  // The whole way in a quarter of the time, then none: ¼ (16 − 4)² + ¾ 4².
  expect(straightness([at(1, [0, 0]), at(0.75, [4, 0]), at(0, [4, 0])])).toBeCloseTo(48, 6);
});

test("refuses a walk without steps", () => {
  expect(() => straightness([at(0, [1, 2])])).toThrow("straightness: expected two states or more, got 1");
});
