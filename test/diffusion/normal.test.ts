import { expect, test } from "vitest";
import { discretisedLog, normalKl, normalLog, normalMass } from "../../src/diffusion/index.ts";

test.each([
  [-1, 1, 0.682689492137086],
  [-2, 2, 0.954499736103642],
  [0, 0.5, 0.191462461274013],
  [3, 4, 1.318226789797e-3],
  [-6, -5, 2.856649842341562e-7],
  [-Infinity, 0, 0.5],
  [2, Infinity, 0.022750131948179],
  [8, Infinity, 6.22096057427e-16],
  [-Infinity, Infinity, 1],
])("the normal distribution has mass between %f and %f", (a, b, mass) => {
  expect(Math.abs(normalMass(a, b) / mass - 1)).toBeLessThan(1e-8);
});

test("the probabilities of all grey values sum to 1", () => {
  for (const [mean, deviation] of [
    [0, 0.3],
    [0.9, 0.05],
    [-1.2, 0.01],
  ] as const) {
    const total = Array.from({ length: 256 }, (_, k) =>
      Math.exp(discretisedLog(k / 127.5 - 1, mean, deviation)),
    );
    expect(total.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
  }
});

test("two normal distributions are apart by", () => {
  expect(normalKl(0, 2, 2)).toBe(0);
  expect(normalKl(3, 1, 1)).toBeCloseTo(4.5, 12);
  expect(normalKl(0, 1, 4)).toBeCloseTo(Math.log(2) - 0.5 + 1 / 8, 12);
  expect(normalLog(0, 1)).toBeCloseTo(-0.5 * Math.log(2 * Math.PI), 12);
});
