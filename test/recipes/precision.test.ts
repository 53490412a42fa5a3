import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { host } from "#host";
import { openDataset } from "../../src/data/index.ts";
import type { Precision } from "../../src/lower/index.ts";
import { digits } from "../../src/recipes/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { dataShape, train } from "../../src/train/index.ts";

/** A loss is a mean of many errors, each with a few roundings to eight bits, 4e-3 at most. */
const TOLERANCE = 2e-2;

/** The losses of a few steps of the digits recipe. */
const lossesIn = async (precision: Precision): Promise<number[]> => {
  const training = { ...digits.training, steps: 5, batch: 8, heldOut: 0, learningRate: { peak: 1e-3 } };
  const recipe = parseRecipe({ ...digits, training }, "digits");
  const dataset = await openDataset(recipe.data);
  const [stage] = stagesOf(recipe, dataShape(dataset));
  if (!stage) throw new Error("no stage");
  const folder = join(await mkdtemp(join(tmpdir(), "undiffuse-precision-")), "run");
  const job = { folder, stage, dataset, training: recipe.training, sampling: recipe.sampling, recipe };
  const losses: number[] = [];
  for await (const event of train({ ...job, resume: false, threads: 1, backend: "native", precision })) {
    if (event.kind === "step") losses.push(event.losses.loss as number);
    if (event.kind === "step" && event.step === recipe.training.steps) break; // before the previews
  }
  return losses;
};

it.runIf(host.nativeEngine() !== null)("digits are learned in bf16 as in fp32, step by step", async () => {
  const [whole, half] = [await lossesIn("fp32"), await lossesIn("bf16")];
  expect(half).toHaveLength(5);
  expect(half).not.toEqual(whole);
  for (const [i, loss] of whole.entries())
    expect(Math.abs((half[i] as number) - loss), `step ${i + 1}`).toBeLessThan(TOLERANCE * loss);
});
