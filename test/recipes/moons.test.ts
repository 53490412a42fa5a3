import { afterAll, beforeAll, expect, it } from "vitest";
import { moons } from "../../src/recipes/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { measurePoints, PATIENCE, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

let trained: Trained;
beforeAll(async () => {
  trained = await trainPoints(moons);
}, PATIENCE);
afterAll(() => trained.close());

it("moons: generated points are as far from held-out ones as these are from each other, or little more", async () => {
  const { model, noise } = await measurePoints(trained);
  expect(model).toBeLessThan(THRESHOLD);
  expect(noise).toBeGreaterThan(THRESHOLD);
});
