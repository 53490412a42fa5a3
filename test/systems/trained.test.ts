import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import { openTrained, parseRecipe, type Trained } from "../../src/systems/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "../cli/program.ts";

describe("a trained model", () => {
  let model: Trained;
  beforeAll(async () => {
    const folder = await temporaryFolder();
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", folder])).code).toBe(0);
    model = await openTrained(folder);
    expect(model.recipe).toEqual(parseRecipe(JSON.parse(await readFile(recipe, "utf8")), recipe));
  });
  afterAll(() => model.close());

  const images = new Streams(0).get("images").normal([2, 1, 16, 16]).clamp(-1, 1);
  const last = async (request: Parameters<Trained["sample"]>[0]): Promise<NDArray> => {
    let end = NDArray.zeros([0]);
    for await (const { x } of model.sample(request)) end = x;
    return end;
  };
  const decoded = (x: NDArray, steps: number) =>
    last({
      count: 2,
      labels: [1, 2],
      start: { kind: "given", x },
      sampling: { ...model.recipe.sampling, guidance: 1, sampler: { kind: "ddim", steps } } as never,
    });

  it("can be asked for images by class", () => {
    expect(model.stage.conditional).toBe(true);
  });

  it("passes on what to begin with", async () => {
    const mask = NDArray.zeros([1, 1, 16, 16]);
    const start = { kind: "inpaint", image: images, mask, strength: 1, resamplings: 1 } as const;
    expect(await last({ count: 2, labels: [1, 2], start })).toEqual(images);
  });

  it("inverts a batch to noise that leads back to it, the nearer the more steps there are", async () => {
    // A network of five steps is no denoiser yet: how fast they near is tested with an exact one.
    const apart: number[] = [];
    for (const steps of [10, 30, 100]) {
      const noise = await model.invert(images, { labels: [1, 2], steps });
      expect(noise.shape).toEqual(images.shape);
      apart.push((await decoded(noise, steps)).sub(images).abs().mean().item());
    }
    expect(apart).toEqual([...apart].sort((a, b) => b - a));
    expect(apart[2]).toBeLessThan(0.8 * (apart[0] as number));
  });

  it("inverts only as many images as there are classes for, and of its own size", async () => {
    await expect(model.invert(images, { labels: [1] })).rejects.toThrow("labels: expected 2, one an image");
    await expect(model.invert(images.reshape([2, 1, 8, 32]))).rejects.toThrow(
      "given: expected [2, 1, 16, 16], got [2, 1, 8, 32]",
    );
  });

  it("has a density, whose pullback is the derivative of its denoiser", async () => {
    const density = model.density([1, 2]);
    if (!density) throw new Error("no density");
    const { denoiser, process } = density;
    const level = process.level(40);
    const [v, u] = ["v", "u"].map((name) => new Streams(1).get(name).normal(images.shape)) as [
      NDArray,
      NDArray,
    ];
    const dot = (a: NDArray, b: NDArray) => a.mul(b).sum().item();
    const { pullback } = await denoiser(images, level);
    const product = (await pullback?.(v)) as NDArray;
    const at = async (h: number) => (await denoiser(NDArray.combine([1, images], [h, u]), level)).x0;
    const slope = (await at(0.01)).sub(await at(-0.01)).div(0.02);
    // float32 differences over 0.02, and the third derivative.
    expect(Math.abs(dot(v, slope) / dot(product, u) - 1)).toBeLessThan(0.01);
  });

  it("stops inverting when it is told to", async () => {
    await expect(model.invert(images, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});
