import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { learningRateAt, learningRateSchema } from "../../src/optim/index.ts";

// Both sides compute in double precision.
const tolerance = 1e-12;

const { warmup, total, schedules } = (
  JSON.parse(readFileSync(new URL("../fixtures/optim.json", import.meta.url), "utf8")) as {
    learningRates: { warmup: number; total: number; schedules: Record<string, number[]> };
  }
).learningRates;

test.each([
  ["constant", { decay: "constant" }],
  ["constant_with_warmup", { decay: "constant", warmup }],
  ["linear", { decay: "linear", warmup }],
  ["cosine", { decay: "cosine", warmup }],
] as const)("%s follows diffusers' schedule at every step", (name, options) => {
  const spec = learningRateSchema.parse({ peak: 1, ...options });
  const expected = schedules[name] as number[];
  expect(expected).toHaveLength(total + 1);
  expected.forEach((rate, step) => {
    expect(Math.abs(learningRateAt(spec, step, total) - rate)).toBeLessThanOrEqual(tolerance);
  });
});

test("the peak scales the whole schedule", () => {
  const spec = learningRateSchema.parse({ peak: 2e-4, warmup: 10, decay: "linear" });
  expect([5, 10, 55, 100].map((step) => learningRateAt(spec, step, 100))).toEqual([1e-4, 2e-4, 1e-4, 0]);
});

test("a decay stays at its end after the run's last step", () => {
  const spec = learningRateSchema.parse({ peak: 1, decay: "cosine" });
  expect(learningRateAt(spec, 150, 100)).toBe(0);
});

test("a run shorter than its warm-up only warms up", () => {
  const spec = learningRateSchema.parse({ peak: 1, warmup: 10, decay: "cosine" });
  expect([0, 2, 4].map((step) => learningRateAt(spec, step, 5))).toEqual([0, 0.2, 0.4]);
});

test.each([
  [{ peak: 0 }],
  [{ peak: 1, warmup: -1 }],
  [{ peak: 1, warmup: 0.5 }],
  [{ peak: 1, decay: "step" }],
])("%j is refused", (spec) => {
  expect(learningRateSchema.safeParse(spec).success).toBe(false);
});
