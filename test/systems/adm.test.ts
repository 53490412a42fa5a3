import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Generator, NDArray, Streams } from "../../src/base/index.ts";
import { makeDataset } from "../../src/data/index.ts";
import { diffusionProcess } from "../../src/diffusion/index.ts";
import { samplerSchema } from "../../src/samplers/index.ts";
import { openTrained, parseRecipe, stagesOf, type Trained, trainRecipe } from "../../src/systems/index.ts";
import { noisyClassifier, noisyClassifierSchema } from "../../src/systems/noisy-classifier.ts";
import { type BatchProgram, initialWeights, openStage, type StageUpdate } from "../../src/train/index.ts";
import { parametersOf } from "../../src/train/program.ts";

const network = {
  block_out_channels: [4, 8],
  layers_per_block: 1,
  down_block_types: ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
  downsample_type: "resnet",
  resnet_time_scale_shift: "scale_shift",
  attention_head_dim: 4,
  norm_num_groups: 2,
} as const;
const recipeOf = (objective = "simple") =>
  parseRecipe(
    {
      name: "tiny",
      system: "adm",
      data: { kind: "digits", size: 16 },
      config: {
        schedule: { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 20 },
        objective,
        conditioning: { kind: "none" },
        network: {
          ...network,
          up_block_types: ["AttnUpBlock2D", "ResnetUpsampleBlock2D"],
          upsample_type: "resnet",
        },
        classifier: network,
      },
      training: { steps: 2, batch: 4, heldOut: 0 },
      sampling: { sampler: { kind: "ddim", steps: 4 }, classifierScale: 3 },
    } as const,
    "tiny",
  );
const pictures = (classes: readonly string[]) =>
  makeDataset({
    name: "noise",
    images: new Generator(0).integers(0, 256, [12, 1, 8, 8]).cast("uint8"),
    labels: NDArray.of(
      Array.from({ length: 12 }, (_, k) => k % 3),
      [12],
      "int32",
    ),
    classes,
    skipped: [],
  });
const data = { image: [1, 8, 8], classes: 3 } as const;

describe("a classifier of noised images", () => {
  const process = diffusionProcess(recipeOf().config.schedule as never);
  const { stage, logs, gradient } = noisyClassifier({
    name: "classifier",
    process,
    config: noisyClassifierSchema.parse(network),
    data,
    seed: 0,
    times: (n) => Array<number>(n).fill(7),
    heldOut: [],
  });
  const open = openStage(stage, initialWeights(stage));
  afterAll(() => open.close());
  const x = new Generator(1).normal([2, 1, 8, 8]);
  const logsOf = async (images: NDArray, t = 7) =>
    (await open.evaluate(logs, { x: images, t: NDArray.full([images.shape[0] as number], t) }))
      .logs as NDArray;

  it("gives probabilities that sum to 1", async () => {
    for (const row of (await logsOf(x)).exp().split()) expect(row.sum().item()).toBeCloseTo(1, 5);
  });

  it("is trained by the cross-entropy of images at the process's levels", async () => {
    const [update] = stage.updates as [StageUpdate];
    const labels = NDArray.of([2, 0], [2], "int32");
    const feeds = await update.draw({ images: x.clamp(-1, 1), labels }, new Streams(0), {});
    const { losses } = await open.evaluate(update.program as BatchProgram, feeds);
    const { alpha, sigma } = process.level(7);
    const noised = NDArray.combine([alpha, feeds.x as NDArray], [sigma, feeds.eps as NDArray]);
    const each = await logsOf(noised);
    expect((losses as NDArray).data[0]).toBeCloseTo(-(each.data[2] as number), 5);
    expect((losses as NDArray).data[1]).toBeCloseTo(-(each.data[3] as number), 5);
  });

  it("has the gradient of its own logarithm, each image of its own class, as finite differences have it", async () => {
    const found = await gradient(open, [1, 2])(x, process.level(7));
    expect(found.shape).toEqual(x.shape);
    const direction = new Generator(2).normal(x.shape);
    const h = 1e-2;
    const along = async (step: number) => {
      const { data } = await logsOf(NDArray.combine([1, x], [step, direction]));
      return [data[1] as number, data[5] as number];
    };
    const [up, down] = [await along(h), await along(-h)];
    for (const k of [0, 1]) {
      const expected = ((up[k] as number) - (down[k] as number)) / (2 * h);
      const got = found.row(k).mul(direction.row(k)).sum().item();
      expect(Math.abs(got - expected)).toBeLessThan(0.02 * Math.max(Math.abs(expected), 0.1));
    }
  });
});

describe("adm", () => {
  let folder: string;
  let model: Trained;
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "undiffuse-adm-")), "run");
    const job = { recipe: recipeOf(), dataset: pictures(["a", "b", "c"]), folder, resume: false };
    for await (const _ of trainRecipe(job));
    model = await openTrained(folder);
  });
  afterAll(() => model.close());

  const last = async (labels: number[] | undefined, changes: object = {}) => {
    const sampling = { ...model.recipe.sampling, ...changes } as never;
    let x: NDArray | undefined;
    for await (const frame of model.sample({ seed: 3, count: 2, labels, sampling })) x = frame.x;
    return x as NDArray;
  };

  it("leads images to their classes, though its network is told none", async () => {
    expect(model.stage.conditional).toBe(true);
    const [a, b] = [await last([0, 0]), await last([1, 1])];
    expect(
      a
        .sub(b)
        .abs()
        .data.some((each) => each > 1e-4),
    ).toBe(true);
  });

  it.each(["ddim", "ancestral", "heun"])(
    "leaves the classifier aside at scale 0, and without classes: %s",
    async (kind) => {
      const sampler = samplerSchema.parse({ kind, steps: 4 });
      const plain = await last([0, 0], { sampler, classifierScale: 0 });
      expect(await last([1, 1], { sampler, classifierScale: 0 })).toEqual(plain);
      expect(await last(undefined, { sampler })).toEqual(plain);
      expect(await last([0, 0], { sampler })).not.toEqual(plain);
    },
  );

  it("takes only classes that its classifier knows", async () => {
    await expect(last([0, 3])).rejects.toThrow("labels: expected classes from 0 to 2, got 3");
    await expect(last([0])).rejects.toThrow("labels: expected 2, one an image, got 1");
  });

  it("does not sample from the folder of its classifier", async () => {
    const classifier = await openTrained(join(folder, "classifier"));
    const frames = [];
    for await (const frame of classifier.sample()) frames.push(frame);
    await classifier.close();
    expect(frames).toEqual([]);
  });

  it("refuses a classifier of another list of classes", async () => {
    const other = join(await mkdtemp(join(tmpdir(), "undiffuse-adm-")), "run");
    const job = { recipe: recipeOf(), dataset: pictures(["a", "b", "d"]), folder: other, resume: false };
    for await (const _ of trainRecipe(job));
    await cp(join(other, "classifier"), join(folder, "..", "mixed", "classifier"), { recursive: true });
    await cp(join(folder, "diffusion"), join(folder, "..", "mixed", "diffusion"), { recursive: true });
    await expect(openTrained(join(folder, "..", "mixed"))).rejects.toThrow(
      "expected the classes a, b, c, got a, b, d",
    );
  });
});

it("adm needs images with classes", () => {
  expect(() => stagesOf(recipeOf(), { image: [1, 8, 8], classes: null })).toThrow(
    "classifier: expected images with classes, got images without",
  );
});

it("adm's network says twice as much where it learns the variance", () => {
  const outputs = (objective: string) => {
    const [, stage] = stagesOf(recipeOf(objective), data);
    return parametersOf(stage?.networks ?? {}).get("unet.conv_out.weight")?.shape[0];
  };
  expect([outputs("simple"), outputs("hybrid")]).toEqual([1, 2]);
});
