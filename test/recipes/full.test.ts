import { describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import { DropoutMasks } from "../../src/nn/index.ts";
import { fullRecipes } from "../../src/recipes/index.ts";
import { compile, trainTarget } from "../../src/runtime/index.ts";
import { parseRecipe, type Recipe, samplingOf, stagesOf } from "../../src/systems/index.ts";
import { earlierOf, initialWeights, type OpenStage, openStage, type Stage } from "../../src/train/index.ts";
import { traceUpdate } from "../../src/train/program.ts";

/** One picture, of the first of two classes. */
const BATCH = 1;
const shape = { form: "pictures", image: [3, 32, 32], classes: 2 } as const;
const picture = { images: NDArray.full([BATCH, 3, 32, 32], 0.5), labels: NDArray.of([0], [BATCH], "int32") };

/** A recipe whose second stage learns from one step of the first, so that the test takes no hundred. */
const shortened = (recipe: Recipe): Recipe =>
  recipe.system === "rectified-flow"
    ? { ...recipe, config: { ...recipe.config, reflow: { steps: 1 } } }
    : recipe;

/** Loss and gradients of the first update of a stage. */
const trainingStep = async (stage: Stage, done: readonly OpenStage[]) => {
  const [update] = stage.updates;
  if (!update) throw new Error("no update");
  const dropout = new DropoutMasks();
  const graph = traceUpdate(update, { networks: stage.networks, batch: BATCH, dropout });
  const step = await compile(graph, {
    target: await trainTarget(),
    weights: initialWeights(stage),
    threads: 1,
  });
  const random = new Streams(0);
  const feeds = await update.draw(picture, random, earlierOf(done));
  const found = await step({ ...feeds, ...dropout.draw(random.get("dropout")) });
  await step.close();
  return found;
};

describe.each(Object.entries(fullRecipes))("the full-size recipe %s", (name, input) => {
  it("builds, and takes a step of training and one of sampling", async () => {
    const recipe = shortened(parseRecipe<unknown>(input, name));
    expect(recipe.name).toBe(name);
    const done: OpenStage[] = [];
    for (const stage of stagesOf(recipe, shape)) {
      const { loss, ...gradients } = await trainingStep(stage, done);
      expect(Number.isFinite((loss as NDArray).item())).toBe(true);
      expect(Object.keys(gradients).length).toBeGreaterThan(100);
      for (const gradient of Object.values(gradients)) expect(gradient.isFinite()).toBe(true);
      const open = openStage(stage, initialWeights(stage), { threads: 1, earlier: earlierOf(done) });
      const sampler = { kind: "euler", steps: 2, clip: null };
      for await (const { x } of open.generate({
        seed: 0,
        count: 1,
        sampling: samplingOf(recipe, { sampler }),
      })) {
        expect(x.shape).toEqual([1, 3, 32, 32]);
        expect(x.isFinite()).toBe(true);
        break;
      }
      done.push(open);
    }
    for (const each of done) await each.close();
  });
});
