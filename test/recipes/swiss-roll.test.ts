import { afterAll, beforeAll, expect, it } from "vitest";
import { swissRollNonequilibrium } from "../../src/recipes/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { measurePoints, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

let trained: Trained;
beforeAll(async () => {
  trained = await trainPoints(swissRollNonequilibrium);
}, 600_000);
afterAll(() => trained.close());

it("swiss-roll-nonequilibrium: generated points are as far from held-out ones as these are from each other, or little more", async () => {
  const { model, noise } = await measurePoints(trained);
  expect(model).toBeLessThan(THRESHOLD);
  expect(noise).toBeGreaterThan(THRESHOLD);
});
