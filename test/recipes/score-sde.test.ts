import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DensityName, densityComponents, openDensity } from "../../src/data/index.ts";
import { gaussianMixture, likelihood } from "../../src/diffusion/index.ts";
import { swissRollSubVp, swissRollVe, swissRollVp } from "../../src/recipes/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { measurePoints, PATIENCE, show, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

/** Nats a point that a model may need more than the truth, fixed before it was trained; a standard normal distribution needs 0.8. */
const NEARLY = 0.1;

describe.each([
  ["vp", swissRollVp],
  ["sub_vp", swissRollSubVp],
  ["ve", swissRollVe],
] as const)("score-sde of %s", (sde, recipe) => {
  let trained: Trained;
  beforeAll(async () => {
    trained = await trainPoints(recipe);
  }, PATIENCE);
  afterAll(() => trained.close());

  it.each([
    ["the probability-flow ODE", {}],
    [
      "predictor and corrector",
      { sampler: { kind: "predictor_corrector", steps: 100, norms: "batch", clip: null } },
    ],
  ])(
    "makes points by %s as far from held-out ones as these are from each other, or little more",
    async (name, changes) => {
      const { model, noise } = await measurePoints(trained, changes);
      show(`score-sde ${sde}, ${name}`, { model, noise });
      expect(model).toBeLessThan(THRESHOLD);
      expect(noise).toBeGreaterThan(THRESHOLD);
    },
  );

  it("knows the density of held-out points less well than the truth, but not by much", async () => {
    const count = 500;
    const name: DensityName = recipe.data.name;
    const { images } = openDensity(name, { count, seed: 10_000 });
    const density = trained.density();
    if (!density) throw new Error("no density");
    const found = await likelihood(images, { ...density, trace: { kind: "exact" } });
    const exact = gaussianMixture(densityComponents(name)).logDensity(images, { alpha: 1, sigma: 0, t: 0 });
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / count;
    const [own, true_] = [-mean(found.logDensity), -mean(exact)];
    show(`score-sde ${sde}, nats of held-out points by the ODE`, { model: own, exact: true_ });
    // What the model needs more than the truth is a divergence: not below 0 but by the spread of what points differ by.
    const apart = found.logDensity.map((value, i) => (exact[i] as number) - value);
    const spread = Math.sqrt(mean(apart.map((value) => (value - mean(apart)) ** 2)) / count);
    expect(own - true_).toBeGreaterThan(-3 * spread);
    expect(own - true_).toBeLessThan(NEARLY);
  });
});
