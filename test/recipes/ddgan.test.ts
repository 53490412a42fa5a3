import { expect, it } from "vitest";
import { eightGaussiansDdgan } from "../../src/recipes/index.ts";
import { measurePoints, PATIENCE, show, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

it(
  "ddgan: points in four steps are as far from held-out ones as these from each other, or little more",
  async () => {
    const trained = await trainPoints(eightGaussiansDdgan);
    const { model, noise } = await measurePoints(trained);
    await trained.close();
    show("ddgan, T = 4", { model, noise });
    expect(model).toBeLessThan(THRESHOLD);
    expect(noise).toBeGreaterThan(THRESHOLD);
  },
  PATIENCE,
);
