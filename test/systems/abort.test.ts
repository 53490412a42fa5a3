import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { host } from "#host";
import { NDArray } from "../../src/base/index.ts";
import { type Dataset, openDataset } from "../../src/data/index.ts";
import { openTrained, parseRecipe, type Recipe, stagesOf, type Trained } from "../../src/systems/index.ts";
import { dataShape, readCheckpoint, type Stage, train } from "../../src/train/index.ts";
import { temporaryFolder, writeTinyRecipe } from "../cli/program.ts";

const STEPS = 6;
const backends = ["onnx", ...(host.nativeEngine() ? (["native"] as const) : [])] as const;

describe.each(backends)("on %s", (backend) => {
  let folder: string;
  let recipe: Recipe;
  let dataset: Dataset;
  /** Tensors of a training that nobody disturbed. */
  let whole: Readonly<Record<string, number[]>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const path = await writeTinyRecipe(folder, { steps: STEPS, heldOut: 0 });
    recipe = parseRecipe(JSON.parse(await readFile(path, "utf8")), path);
    dataset = await openDataset(recipe.data);
    whole = await trained("whole", {});
  });

  /** A stage that aborts while step `at` is being computed: the event loop is idle then. */
  const abortingStage = (at: number, controller: AbortController): Stage<Recipe["sampling"]> => {
    const [stage] = stagesOf(recipe, dataShape(dataset)) as [Stage<Recipe["sampling"]>];
    let draws = 0;
    const updates = stage.updates.map((update) => ({
      ...update,
      draw(...input: Parameters<typeof update.draw>) {
        if (++draws === at) setImmediate(() => controller.abort());
        return update.draw(...input);
      },
    }));
    return { ...stage, updates };
  };

  /** Trains in a folder of this name; gives what the last checkpoint holds. */
  const trained = async (
    name: string,
    { resume = false, abortAt = 0, until = STEPS }: { resume?: boolean; abortAt?: number; until?: number },
  ): Promise<Record<string, number[]>> => {
    const controller = new AbortController();
    const { training, sampling } = recipe;
    const job = {
      ...{ folder: join(folder, name), dataset, training, sampling, recipe, resume, backend, threads: 2 },
      ...{ stage: abortingStage(abortAt, controller), signal: controller.signal },
    };
    let path = "";
    for await (const event of train(job)) {
      if (event.kind !== "interrupted" && event.kind !== "finished") continue;
      expect([event.kind, event.step]).toEqual([until < STEPS ? "interrupted" : "finished", until]);
      path = event.path;
    }
    const { tensors } = await readCheckpoint(path);
    return Object.fromEntries([...tensors].map(([key, { data }]) => [key, [...data]]));
  };

  it("a training stopped in the middle of a step saves after it and goes on bit for bit", async () => {
    const stopped = await trained("stopped", { abortAt: 3, until: 3 });
    expect(stopped).not.toEqual(whole);
    expect(await trained("stopped", { resume: true })).toEqual(whole);
  });

  it("the process can train again after one that was stopped, and while another is", async () => {
    const [stopped, beside] = await Promise.all([
      trained("stopped again", { abortAt: 2, until: 2 }),
      trained("beside", {}),
    ]);
    expect(beside).toEqual(whole);
    expect(await trained("after", {})).toEqual(whole);
    expect(await trained("stopped again", { resume: true })).toEqual(whole);
    expect(stopped).not.toEqual(whole);
  });

  it("a sampling stopped in the middle of its path leaves the model as it was", async () => {
    const model = await openTrained(join(folder, "whole"), { backend, threads: 2 });
    const sampling = { ...recipe.sampling, sampler: { kind: "ddim", steps: 5 } } as Recipe["sampling"];
    const request = { seed: 1, count: 2, labels: [3, 4], sampling };
    const image = await lastOf(model.sample(request));
    const controller = new AbortController();
    const frames: number[] = [];
    const path = async () => {
      for await (const { index } of model.sample({ ...request, signal: controller.signal })) {
        frames.push(index);
        if (frames.length === 2) setImmediate(() => controller.abort(new Error("enough")));
      }
    };
    await expect(path()).rejects.toThrow("enough");
    expect(frames.length).toBeLessThan(5);
    expect(await lastOf(model.sample(request))).toEqual(image);
    await model.close();
  });
});

const lastOf = async (frames: ReturnType<Trained["sample"]>): Promise<NDArray> => {
  let last = NDArray.zeros([0]);
  for await (const { x } of frames) last = x;
  return last;
};
