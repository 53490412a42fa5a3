import { afterAll, beforeAll, expect, it } from "vitest";
import { moonsNcsn } from "../../src/recipes/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { measurePoints, PATIENCE, show, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

let trained: Trained;
beforeAll(async () => {
  trained = await trainPoints(moonsNcsn);
}, PATIENCE);
afterAll(() => trained.close());

it("ncsn: points by Langevin steps are as far from held-out ones as these from each other, or little more", async () => {
  const { model, noise } = await measurePoints(trained);
  show("ncsn, Langevin", { model, noise });
  expect(model).toBeLessThan(THRESHOLD);
  expect(noise).toBeGreaterThan(THRESHOLD);
});
