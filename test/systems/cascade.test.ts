import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Generator, NDArray, Streams } from "../../src/base/index.ts";
import { makeDataset } from "../../src/data/index.ts";
import { openTrained, parseRecipe, stagesOf, type Trained, trainRecipe } from "../../src/systems/index.ts";
import { enlarged, reduced } from "../../src/systems/pixel-squares.ts";
import type { Frame } from "../../src/train/index.ts";

const network = {
  block_out_channels: [4, 8],
  layers_per_block: 1,
  down_block_types: ["DownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "UpBlock2D"],
  attention_head_dim: 8,
  norm_num_groups: 2,
} as const;
const recipeOf = (sizes: readonly number[] = [4, 8], most = 0.5) =>
  parseRecipe(
    {
      name: "tiny",
      system: "cascade",
      data: { kind: "digits", size: 16 },
      config: {
        schedule: { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 20 },
        conditioning: { kind: "class" },
        base: { size: sizes[0], network },
        superResolution: sizes
          .slice(1)
          .map((size) => ({ size, network, augmentation: { kind: "noise", most } })),
      },
      training: { steps: 2, batch: 4, heldOut: 0 },
      sampling: { sampler: { kind: "ddim", steps: 4 }, guidance: 2, augmentation: 0.2 },
    } as const,
    "tiny",
  );
const data = { image: [1, 8, 8], classes: 2 } as const;
const images = new Generator(0).integers(0, 256, [12, 1, 8, 8]).cast("uint8");
const batch = {
  images: new Generator(1).normal([4, 1, 8, 8]).clamp(-1, 1),
  labels: NDArray.of([0, 1, 0, 1], [4], "int32"),
};
const feedsOf = async (index: number, recipe = recipeOf()): Promise<Record<string, NDArray>> => {
  const update = stagesOf(recipe, data)[index]?.updates[0];
  return (await update?.draw(batch, new Streams(0), {})) ?? {};
};

describe("a cascade's stages", () => {
  it("are a base, and one for each size after it", () => {
    expect(stagesOf(recipeOf([2, 4, 8]), data).map(({ name }) => name)).toEqual([
      "base",
      "super-4",
      "super-8",
    ]);
  });

  it("learn from the images reduced to their size", async () => {
    expect((await feedsOf(0)).x).toEqual(reduced(batch.images, 4));
    expect((await feedsOf(1)).x).toEqual(batch.images);
  });

  it("see the images reduced to the size before, noised to levels up to the most", async () => {
    const { low, level } = (await feedsOf(1)) as { low: NDArray; level: NDArray };
    expect(low.shape).toEqual([4, 1, 4, 4]);
    expect([...level.data].every((each) => each > 0 && each <= 500)).toBe(true);
    expect(low).not.toEqual(reduced(batch.images, 4));
    const plain = (await feedsOf(1, recipeOf([4, 8], 0))) as { low: NDArray; level: NDArray };
    expect(
      plain.low
        .sub(reduced(batch.images, 4))
        .abs()
        .data.every((each) => each < 1e-6),
    ).toBe(true);
    expect([...plain.level.data]).toEqual([0, 0, 0, 0]);
  });

  it.each([[[4, 16]], [[8, 8]], [[3, 8]], [[8, 4]]])(
    "refuse sizes that do not lead to the data's: %j",
    (sizes) => {
      expect(() => stagesOf(recipeOf(sizes), data)).toThrow(
        `config of the cascade: expected sizes of which each divides the next, the last that of the square images, got ${sizes.join(", ")} for images of 8×8`,
      );
    },
  );
});

describe("a trained cascade", () => {
  let folder: string;
  let model: Trained;
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "undiffuse-cascade-")), "run");
    const dataset = makeDataset({
      name: "noise",
      images,
      labels: NDArray.of(
        Array.from({ length: 12 }, (_, k) => k % 2),
        [12],
        "int32",
      ),
      classes: ["a", "b"],
      skipped: [],
    });
    for await (const _ of trainRecipe({ recipe: recipeOf(), dataset, folder, resume: false }));
    model = await openTrained(folder);
  });
  afterAll(() => model.close());

  const frames = async (request: Parameters<Trained["sample"]>[0], from = model): Promise<Frame[]> => {
    const all: Frame[] = [];
    for await (const frame of from.sample(request)) all.push(frame);
    return all;
  };
  const end = (all: readonly Frame[]): NDArray => all.at(-1)?.x ?? NDArray.zeros([0]);
  const near = (a: NDArray, b: NDArray) =>
    a
      .sub(b)
      .abs()
      .data.every((each) => each < 1e-4);
  const changed = (changes: object) => ({ ...model.recipe.sampling, ...changes }) as never;
  const two = { count: 2, labels: [0, 1], seed: 5 };

  it("shows all stages as one walk, at one size", async () => {
    const all = await frames(two);
    expect(all.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(all.every(({ total, x }) => total === 8 && x.shape.join() === "2,1,8,8")).toBe(true);
    const base = all[3]?.x as NDArray;
    expect(near(enlarged(reduced(base, 4), 8), base)).toBe(true);
  });

  it("makes image k from seed + k alone", async () => {
    const [both, second] = [await frames(two), await frames({ count: 1, labels: [1], seed: 6 })];
    expect(near(end(both).rows(1, 2), end(second))).toBe(true);
  });

  it("begins with a picture's own fewer pixels, and has no use for other beginnings", async () => {
    const image = batch.images.rows(0, 2);
    const start = { kind: "image", image, strength: 1 } as const;
    const all = await frames({ ...two, start });
    expect(all.map(({ index, total }) => [index, total])).toEqual([0, 1, 2, 3].map((index) => [index, 4]));
    // Of the picture it knows no more: another of the same fewer pixels is as good, as strength 1 ends in noise alone.
    const smooth = enlarged(reduced(image, 4), 8);
    const other = await frames({ ...two, start: { ...start, image: smooth } });
    const apart = (a: Frame[], b: Frame[]) => end(a).sub(end(b)).abs().mean().item();
    const unlike = await frames({ ...two, start: { ...start, image: image.neg() } });
    expect(apart(all, other)).toBeLessThan(0.1 * apart(all, unlike));
    await expect(frames({ ...two, start: { kind: "given", x: image } })).rejects.toThrow(
      "super-8: expected noise or a picture to begin with, got given",
    );
  });

  it("augments what was generated, to levels that it was trained at", async () => {
    const [little, much] = [
      await frames({ ...two, sampling: changed({ augmentation: 0 }) }),
      await frames({ ...two, sampling: changed({ augmentation: 0.5 }) }),
    ];
    expect(little[3]?.x).toEqual(much[3]?.x);
    expect(near(end(little), end(much))).toBe(false);
    await expect(frames({ ...two, sampling: changed({ augmentation: 0.6 }) })).rejects.toThrow(
      "augmentation: expected at most 0.5, as super-8 was trained, got 0.6",
    );
  });

  it("makes small images from the folder of its base", async () => {
    const base = await openTrained(join(folder, "base"));
    expect(end(await frames(two, base)).shape).toEqual([2, 1, 4, 4]);
    await base.close();
  });
});
