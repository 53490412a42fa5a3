import { expect, test } from "vitest";
import { memorisation } from "../../src/evaluation/index.ts";

test("samples as far away as held-out images are closer half of the time", () => {
  const { closer, samples, heldOut } = memorisation(Float64Array.of(1, 2, 3), Float64Array.of(3, 1, 2));
  expect([samples, heldOut]).toEqual([2, 2]);
  expect([...closer].reduce((sum, value) => sum + value, 0) / 3).toBeCloseTo(0.5, 12);
});

test("copies are closer than every held-out image, and strays than none", () => {
  const { closer } = memorisation(Float64Array.of(0, 9), Float64Array.of(1, 2, 3));
  expect([...closer]).toEqual([1, 0]);
});

test("ties count half", () => {
  expect([...memorisation(Float64Array.of(0, 2), Float64Array.of(0, 0, 2, 4)).closer]).toEqual([0.75, 0.375]);
});
