import { describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import { diffusionProcess } from "../../src/diffusion/index.ts";
import { digits } from "../../src/recipes/index.ts";
import { parseRecipe, type Recipe, stagesOf } from "../../src/systems/index.ts";
import type { Batch, Evaluate, Frame, StageUpdate } from "../../src/train/index.ts";

const recipe = parseRecipe(digits, "digits");
const stageOf = (changed: Recipe = recipe) => {
  const [stage] = stagesOf(changed, { image: [1, 16, 16], classes: 10 });
  if (!stage) throw new Error("no stage");
  return stage;
};
const stage = stageOf();
const process = diffusionProcess(recipe.config.schedule);
const batch = (n: number): Batch => ({
  images: NDArray.full([n, 1, 16, 16], 0.5),
  labels: NDArray.full([n], 3, "int32"),
});
const draw = async (n: number, seed = 0) =>
  (await (stage.updates[0] as StageUpdate).draw(batch(n), new Streams(seed), {})) as Record<string, NDArray>;

describe("a ddpm's training batch", () => {
  it("draws timesteps evenly from all of the process, each with its level", async () => {
    const { t, alpha, sigma } = (await draw(4000)) as { t: NDArray; alpha: NDArray; sigma: NDArray };
    const times = [...t.data];
    expect(Math.min(...times)).toBeLessThan(5);
    expect(Math.max(...times)).toBeGreaterThan(994);
    const mean = times.reduce((sum, x) => sum + x, 0) / times.length;
    expect(Math.abs(mean - 499.5)).toBeLessThan((4 * 288.7) / Math.sqrt(4000)); // four standard errors
    for (const [i, time] of times.slice(0, 50).entries()) {
      expect(alpha.data[i]).toBeCloseTo(process.level(time).alpha, 6);
      expect(sigma.data[i]).toBeCloseTo(process.level(time).sigma, 6);
    }
  });

  it("leaves the class out as often as the recipe says", async () => {
    const labels = [...((await draw(4000)).labels as NDArray).data];
    expect(new Set(labels)).toEqual(new Set([3, 10]));
    const share = labels.filter((label) => label === 10).length / labels.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / 4000)); // four standard errors
  });

  it("depends on the seed alone", async () => {
    expect(await draw(8, 1)).toEqual(await draw(8, 1));
    expect(await draw(8, 1)).not.toEqual(await draw(8, 2));
  });
});

describe("a ddpm's samples", () => {
  /** A network that takes everything for noise, so that x shrinks to nothing, and tells what it was asked. */
  const spy = () => {
    const calls: { n: number; labels: number[]; t: number }[] = [];
    const evaluate: Evaluate = async (_, { x, labels, t }) => {
      calls.push({
        n: (x as NDArray).shape[0] as number,
        labels: [...(labels?.data ?? [])],
        t: (t as NDArray).data[0] as number,
      });
      return { output: x as NDArray };
    };
    return { calls, evaluate };
  };
  const generate = async (
    evaluate: Evaluate,
    guidance: number,
    labels: number[] | null = [1, 2],
    changes: Partial<typeof recipe.sampling> = {},
  ) => {
    const sampling = { ...recipe.sampling, guidance, ...changes };
    const frames: Frame[] = [];
    for await (const frame of stage.generate(
      { seed: 5, count: 2, labels: labels ?? undefined, sampling },
      evaluate,
      {},
    ))
      frames.push(frame);
    return frames;
  };

  it("ask once a step without guidance, with the classes", async () => {
    const { calls, evaluate } = spy();
    const frames = await generate(evaluate, 1);
    expect(frames).toHaveLength(50);
    expect(calls).toHaveLength(50);
    expect(calls[0]).toEqual({ n: 2, labels: [1, 2], t: 999 });
  });

  it("ask for both in one batch with guidance", async () => {
    const { calls, evaluate } = spy();
    await generate(evaluate, 3);
    expect(calls).toHaveLength(50);
    expect(calls[0]).toEqual({ n: 4, labels: [1, 2, 10, 10], t: 999 });
  });

  it("ask for no class at guidance 0, or when none is given", async () => {
    const [ignored, absent] = [spy(), spy()];
    await generate(ignored.evaluate, 0);
    await generate(absent.evaluate, 3, null);
    for (const { calls } of [ignored, absent]) expect(calls[0]).toEqual({ n: 2, labels: [10, 10], t: 999 });
  });

  it("are led away from a negative class in place of none", async () => {
    const { calls, evaluate } = spy();
    await generate(evaluate, 3, [1, 2], { negative: 7 });
    expect(calls[0]).toEqual({ n: 4, labels: [1, 2, 7, 7], t: 999 });
  });

  it("of no class are led away from a negative one, and are of no class without guidance", async () => {
    const [led, plain] = [spy(), spy()];
    await generate(led.evaluate, 3, null, { negative: 7 });
    await generate(plain.evaluate, 1, null, { negative: 7 });
    expect(led.calls[0]).toEqual({ n: 4, labels: [10, 10, 7, 7], t: 999 });
    expect(plain.calls[0]).toEqual({ n: 2, labels: [10, 10], t: 999 });
  });

  it("are of classes that the model knows", async () => {
    const rejected = (labels: number[], changes = {}) =>
      expect(generate(spy().evaluate, 3, labels, changes)).rejects;
    await rejected([1, 10]).toThrow("labels: expected classes from 0 to 9, got 10");
    await rejected([1, 0.5]).toThrow("labels: expected classes from 0 to 9, got 0.5");
    await rejected([1, 2], { negative: 10 }).toThrow("negative: expected classes from 0 to 9, got 10");
  });

  it("are named with step and sampler when the network leaves the finite numbers", async () => {
    const evaluate: Evaluate = async (_, { x }) => ({ output: (x as NDArray).mul(Number.NaN) });
    await expect(generate(evaluate, 1)).rejects.toThrow(
      "ddim, step 1 of 50 (t = 999): expected finite values",
    );
  });

  it("are guided in the interval alone", async () => {
    const { calls, evaluate } = spy();
    await generate(evaluate, 3, [1, 2], { interval: [0, 1e-6] });
    expect(calls.every(({ n }) => n === 2)).toBe(true);
  });

  it("need a class for each image", async () => {
    await expect(generate(spy().evaluate, 1, [1, 2, 3])).rejects.toThrow(
      "labels: expected 2, one an image, got 3",
    );
  });
});

describe("a ddpm without classes", () => {
  const [stage] = stagesOf(
    { ...recipe, config: { ...recipe.config, conditioning: { kind: "none" } } },
    { image: [1, 16, 16], classes: null },
  );
  const run = async (changes: object) => {
    const sampling = { ...recipe.sampling, guidance: 1, ...changes };
    const evaluate: Evaluate = async (_, { x }) => ({ output: x as NDArray });
    for await (const _ of stage?.generate({ seed: 0, count: 1, sampling }, evaluate, {}) ?? []);
  };

  it.each([
    [{ guidance: 3 }, "guidance: expected a model with classes, got a scale of 3 for one without"],
    [{ guidance: 0 }, "guidance: expected a model with classes, got a scale of 0 for one without"],
    [{ rescale: 0.7 }, "got a rescale of 0.7 for one without"],
    [{ interval: [0.2, 2] }, "got an interval for one without"],
    [{ negative: 2 }, "guidance: expected a model with classes, got a negative class for one without"],
  ])("cannot be guided: %o", async (changes, message) => {
    await expect(run({})).resolves.toBeUndefined();
    await expect(run(changes)).rejects.toThrow(message);
  });
});
