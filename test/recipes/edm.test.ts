import { afterAll, beforeAll, expect, it } from "vitest";
import { checkerboardEdm } from "../../src/recipes/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { measurePoints, PATIENCE, show, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

let trained: Trained;
beforeAll(async () => {
  trained = await trainPoints(checkerboardEdm);
}, PATIENCE);
afterAll(() => trained.close());

it.each([
  ["18 steps of Heun's rule", {}],
  [
    "four times as many with churn", // what is stochastic needs more steps (Karras et al. 2022, section 4)
    { sampler: { kind: "edm", sigmas: "karras", steps: 72, churn: 10, least: 0.05, most: 50, clip: null } },
  ],
])(
  "edm: points by %s are as far from held-out ones as these from each other, or little more",
  async (name, changes) => {
    const { model, noise } = await measurePoints(trained, changes);
    show(`edm, ${name}`, { model, noise });
    expect(model).toBeLessThan(THRESHOLD);
    expect(noise).toBeGreaterThan(THRESHOLD);
  },
);
