import { describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import { DropoutMasks } from "../../src/nn/index.ts";
import { recipes } from "../../src/recipes/index.ts";
import { compile, trainTarget } from "../../src/runtime/index.ts";
import { hasSampler, parseRecipe, type Recipe, samplingOf, stagesOf } from "../../src/systems/index.ts";
import { earlierOf, initialWeights, type OpenStage, openStage, type Stage } from "../../src/train/index.ts";
import { traceUpdate } from "../../src/train/program.ts";

/** One picture, of the first of two classes. */
const BATCH = 1;
const fullSize = Object.entries(recipes).filter(([name]) => name.startsWith("images-"));

/** A recipe whose second stage learns from one step of the first, so that the test takes no hundred. */
const shortened = (recipe: Recipe): Recipe =>
  recipe.system === "rectified-flow"
    ? { ...recipe, config: { ...recipe.config, reflow: { steps: 1 } } }
    : recipe;

/** The recipe's way of sampling in as few steps as its sampler has. */
const fewSteps = (recipe: Recipe): Recipe["sampling"] =>
  hasSampler(recipe) && "steps" in recipe.sampling.sampler
    ? samplingOf(recipe, { sampler: { ...recipe.sampling.sampler, steps: 2 } })
    : recipe.sampling;

/** Every update of a stage: its losses and gradients are numbers, and every gradient is there. */
const checkTraining = async (stage: Stage, image: readonly number[], done: readonly OpenStage[]) => {
  const picture = {
    images: NDArray.full([BATCH, ...image], 0.5),
    labels: NDArray.of([0], [BATCH], "int32"),
  };
  for (const update of stage.updates) {
    const dropout = new DropoutMasks();
    const graph = traceUpdate(update, { networks: stage.networks, batch: BATCH, dropout });
    const step = await compile(graph, {
      target: await trainTarget(),
      weights: initialWeights(stage),
      threads: 1,
    });
    const random = new Streams(0);
    const feeds = await update.draw(picture, random, earlierOf(done));
    const { loss, ...gradients } = await step({ ...feeds, ...dropout.draw(random.get("dropout")) });
    await step.close();
    expect(Number.isFinite((loss as NDArray).item())).toBe(true);
    expect(Object.keys(gradients).length).toBeGreaterThan(10);
    for (const gradient of Object.values(gradients)) expect(gradient.isFinite()).toBe(true);
  }
};

describe.each(fullSize)("the full-size recipe %s", (name, input) => {
  it("builds, and takes a step of training and one of sampling in every stage", async () => {
    const recipe = shortened(parseRecipe<unknown>(input, name));
    if (recipe.data.kind !== "folder") throw new Error("the recipe is of a folder");
    const { size, channels } = recipe.data;
    const image = [channels, size, size] as const;
    const done: OpenStage[] = [];
    let made: NDArray | undefined;
    for (const stage of stagesOf(recipe, { form: "pictures", image, classes: 2 })) {
      await checkTraining(stage, image, done);
      const open = openStage(stage, initialWeights(stage), { threads: 1, earlier: earlierOf(done) });
      done.push(open);
      for await (const { x } of open.generate({ seed: 0, count: 1, sampling: fewSteps(recipe) })) {
        made = x;
        break;
      }
    }
    expect(made?.shape).toEqual([1, ...image]);
    expect(made?.isFinite()).toBe(true);
    for (const each of done) await each.close();
  });
});
