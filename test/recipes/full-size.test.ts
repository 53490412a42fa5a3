import { expect, it } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { makeDataset } from "../../src/data/index.ts";
import { recipes } from "../../src/recipes/index.ts";
import { parseRecipe, untrainedStages } from "../../src/systems/index.ts";
import { initialWeights, openStage, timeStep } from "../../src/train/index.ts";

/** Recipes too large to train here: two pictures are enough to take a step and to make one. */
const large = ["images-ddgan", "images-gan", "images-nonequilibrium", "images-vae"];

it.each(large)(
  "%s takes a training step and makes a picture at its full size",
  { timeout: 900_000 },
  async (name) => {
    const { training, ...rest } = parseRecipe(recipes[name], name);
    const recipe = { ...rest, training: { ...training, batch: 1, heldOut: 0 } } as typeof rest & {
      training: typeof training;
    };
    if (recipe.data.kind !== "folder") throw new Error("the recipe is of a folder");
    const { size, channels } = recipe.data;
    const dataset = makeDataset({
      name: "noise",
      images: new Generator(0).integers(0, 256, [2, channels, size, size]).cast("uint8"),
      labels: null,
      classes: null,
      skipped: [],
    });
    const { jobs, close } = untrainedStages({ recipe, dataset, folder: "nowhere", resume: false });
    for (const job of jobs) {
      expect(await timeStep(job)).toBeGreaterThan(0);
      const open = openStage(job.stage, initialWeights(job.stage), { earlier: job.earlier ?? {} });
      let x: NDArray | undefined;
      for await (const frame of open.generate({ seed: 0, count: 1, sampling: recipe.sampling })) x = frame.x;
      expect(x?.shape).toEqual([1, channels, size, size]);
      expect(x?.isFinite()).toBe(true);
      await open.close();
    }
    await close();
  },
);
