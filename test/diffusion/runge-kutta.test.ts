import { expect, test } from "vitest";
import { type Derivative, rungeKutta45, type Tolerances } from "../../src/diffusion/index.ts";

/** A rotation: y at s is (cos s, sin s). */
const rotation: Derivative = async ([x = 0, y = 0]) => Float64Array.of(-y, x);

const turned = async (end: number, tolerances?: Tolerances) => {
  let evaluations = 0;
  const counted: Derivative = (y, s) => {
    evaluations += 1;
    return rotation(y, s);
  };
  const [x = 0, y = 0] = await rungeKutta45(counted, Float64Array.of(1, 0), [0, end], tolerances);
  return { error: Math.hypot(x - Math.cos(end), y - Math.sin(end)), evaluations };
};

test("it arrives to about the tolerance, forwards and backwards", async () => {
  for (const end of [0.01, 3, 20, -3])
    for (const tolerance of [1e-4, 1e-7, 1e-10]) {
      const { error } = await turned(end, { rtol: tolerance, atol: tolerance });
      // Every step may err so much, and there is more than one.
      expect(error).toBeLessThan(tolerance * 10 * Math.max(1, Math.abs(end)));
    }
});

test("a tolerance of 1e-10 costs as much more as order 5 says", async () => {
  const [coarse, fine] = [
    await turned(20, { rtol: 1e-5, atol: 1e-5 }),
    await turned(20, { rtol: 1e-10, atol: 1e-10 }),
  ];
  const ratio = fine.evaluations / coarse.evaluations;
  expect(Math.abs(Math.log10(ratio) - 1)).toBeLessThan(0.3); // the error of a step falls as its size to the fifth
});

test("polynomials of degree 4 are integrated exactly", async () => {
  const [y = 0] = await rungeKutta45(
    async (_, s) => Float64Array.of(5 * s ** 4),
    Float64Array.of(0),
    [1, 2],
    {
      rtol: 1,
      atol: 1e6, // one step
    },
  );
  expect(y).toBeCloseTo(31, 12);
});

test("the first step of the next is the last slope of this: six evaluations a step after the first", async () => {
  const { evaluations } = await turned(1);
  expect(evaluations % 6).toBe(1);
});

test("a jump makes steps small, and what never arrives is refused", async () => {
  const cliff: Derivative = async (_, s) => Float64Array.of(s < 0.5 ? 0 : 1);
  const [y = 0] = await rungeKutta45(cliff, Float64Array.of(0), [0, 1], { rtol: 1e-8, atol: 1e-8 });
  expect(Math.abs(y - 0.5)).toBeLessThan(1e-5);
  const run = rungeKutta45(cliff, Float64Array.of(0), [0, 1], { rtol: 1e-8, atol: 1e-8, maxSteps: 5 });
  await expect(run).rejects.toThrow("Runge–Kutta: expected to arrive within 5 steps");
});

test("a slope that is not finite is named with its place, and one step too far is taken back", async () => {
  const broken: Derivative = async () => Float64Array.of(Number.NaN);
  await expect(rungeKutta45(broken, Float64Array.of(0), [2, 3])).rejects.toThrow(
    "Runge–Kutta: expected a finite slope, got NaN or infinity at s = 2",
  );
  // y = (1 − s)², whose slope −2 √y is NaN for any y below 0.
  const root: Derivative = async ([y = 0]) => Float64Array.of(-2 * Math.sqrt(y));
  const [y = 0] = await rungeKutta45(root, Float64Array.of(1), [0, 0.999], { rtol: 1e-2, atol: 1e-4 });
  expect(Math.abs(y - 1e-6)).toBeLessThan(1e-3);
});
