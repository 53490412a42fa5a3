import { expect, test } from "vitest";
import { CLEAN, type Level } from "../../src/diffusion/index.ts";
import { singlestepOrders } from "../../src/samplers/dpm-singlestep.ts";

const path = (steps: number, end: Level): Level[] => [
  ...Array.from({ length: steps }, (_, i) => ({ alpha: 0.5, sigma: 0.5, t: steps - i })),
  end,
];
const noisy: Level = { alpha: 0.9, sigma: 0.1, t: 0 };
const listed = (steps: number, end: Level, options: { order: number; lowerOrderFinal: boolean }): string =>
  singlestepOrders(path(steps, end), options).join("");

/** diffusers' order lists: [steps, lowerOrderFinal to a noisy end, the same without, to data]. */
const lists: Readonly<Record<number, readonly (readonly [number, string, string, string])[]>> = {
  1: [[3, "111", "111", "111"]],
  2: [
    [1, "1", "1", "1"],
    [2, "11", "12", "11"],
    [4, "1211", "1212", "1211"],
    [5, "12121", "12121", "12121"],
  ],
  3: [
    [1, "1", "1", "1"],
    [2, "12", "12", "11"],
    [3, "121", "123", "121"],
    [5, "12312", "12312", "12311"],
    [6, "123121", "123123", "123121"],
    [7, "1231231", "1231231", "1231231"],
    [8, "12312312", "12312312", "12312311"],
  ],
};

test.each(
  Object.entries(lists).flatMap(([order, rows]) => rows.map((row) => [Number(order), ...row] as const)),
)("order %i in %i steps is planned as in diffusers: %s, %s, %s", (order, steps, falling, whole, toData) => {
  expect(listed(steps, noisy, { order, lowerOrderFinal: true })).toBe(falling);
  expect(listed(steps, noisy, { order, lowerOrderFinal: false })).toBe(whole);
  for (const lowerOrderFinal of [true, false])
    expect(listed(steps, CLEAN, { order, lowerOrderFinal })).toBe(toData);
});
