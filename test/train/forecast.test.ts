import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { host } from "#host";
import { NDArray } from "../../src/base/index.ts";
import { openDataset } from "../../src/data/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { dataShape, forecastMemory, timeStep } from "../../src/train/index.ts";
import { tinyRecipe } from "../tiny-recipe.ts";
import { eventsOf, lastOf, numbersOf, toyJob } from "./toy.ts";

const FLOAT = 4;
/** Of the toy network: one weight a pixel. */
const WEIGHTS = 4;

describe("forecastMemory", () => {
  it("counts parameters, average, moments and gradients in floats, and images in bytes", async () => {
    expect(await forecastMemory(await toyJob())).toMatchObject({
      parameters: 2 * WEIGHTS * FLOAT,
      movingAverage: WEIGHTS * FLOAT,
      moments: 2 * WEIGHTS * FLOAT,
      gradients: 2 * WEIGHTS * FLOAT,
      images: 16 * 4,
    });
    const job = await toyJob();
    const uncropped = NDArray.zeros([16, 1, 4, 4], "uint8");
    const margin = await forecastMemory({ ...job, dataset: { ...job.dataset, uncropped } });
    expect(margin.images).toBe(16 * 4 + 16 * 16);
    const sgd = await toyJob({ training: { optimizer: { kind: "sgd", momentum: 0 } } });
    expect((await forecastMemory(sgd)).moments).toBeLessThan(2 * WEIGHTS * FLOAT);
  });

  it("counts activations that grow with the batch, more than the four of the forward pass", async () => {
    const activations = async (batch: number) =>
      (await forecastMemory({ ...(await toyJob({ training: { batch } })), backend: "onnx" })).activations;
    const [two, four, eight] = [await activations(2), await activations(4), await activations(8)];
    expect(eight - four).toBe(2 * (four - two));
    const forward = 3 * WEIGHTS + 1; // x·w, its error, the error squared, and their mean
    expect(four - two).toBeGreaterThanOrEqual(2 * forward * FLOAT);
    expect(four - two).toBeLessThan(2 * 4 * forward * FLOAT);
  });
});

describe.runIf(host.nativeEngine())("forecastMemory of the native engine", () => {
  it("counts less than every tensor at once, and in bf16 nearly half of it", async () => {
    const recipe = parseRecipe(tinyRecipe({ batch: 32 }), "tiny");
    const dataset = await openDataset(recipe.data);
    const [stage] = stagesOf(recipe, dataShape(dataset));
    if (!stage) throw new Error("no stage");
    const job = { recipe, stage, dataset, training: recipe.training, sampling: recipe.sampling };
    const bytes = async (backend: "onnx" | "native", precision: "fp32" | "bf16") =>
      (await forecastMemory({ ...job, folder: "unused", resume: false, backend, precision })).activations;
    const fp32 = await bytes("native", "fp32");
    expect(fp32).toBeLessThan(await bytes("onnx", "fp32"));
    expect((await bytes("native", "bf16")) / fp32).toBeLessThan(0.75);
  });
});

describe("timeStep", () => {
  it("measures without a trace: no folder is made, and a training after it is what it would have been", async () => {
    const job = await toyJob();
    const seconds = await timeStep(job);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(5);
    expect(await readdir(dirname(job.folder))).toEqual([]);
    const after = lastOf(await eventsOf(job), "finished").path;
    const fresh = lastOf(await eventsOf(await toyJob()), "finished").path;
    expect(await numbersOf(after)).toEqual(await numbersOf(fresh));
  });
});
