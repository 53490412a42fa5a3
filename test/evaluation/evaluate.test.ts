import { describe, expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { selectImages } from "../../src/data/index.ts";
import { type Evaluation, evaluate, type FeatureNetwork, type Figure } from "../../src/evaluation/index.ts";
import { patterns } from "./patterns.ts";

const data = patterns(80);
const [training, heldOut] = [data, patterns(20, { seed: 2 })];
const samples = patterns(40, { seed: 3 }).images;

/** A network whose features are means over quarters of an image, and which reads its brightness. */
const quarters = (changes: Partial<FeatureNetwork> = {}): FeatureNetwork => ({
  name: "quarters",
  fingerprint: "f",
  preprocessing: "none",
  standard: false,
  width: 4,
  classes: ["dark", "bright"],
  async extract(images, { onProgress } = {}) {
    const [n = 0, , h = 0, w = 0] = images.shape;
    const features = images
      .cast("float32")
      .reshape([n, 2, h / 2, 2, w / 2])
      .mean([2, 4])
      .div(255)
      .reshape([n, 4]);
    onProgress?.(n, n);
    return {
      features,
      read: Int32Array.from({ length: n }, (_, i) => Number((features.data[4 * i] as number) > 0.5)),
    };
  },
  check: () => undefined,
  close: async () => undefined,
  ...changes,
});

const named = ({ figures }: Evaluation, part: string): Figure => {
  const found = figures.find(({ name }) => name.includes(part));
  if (!found) throw new Error(`no figure of ${part}`);
  return found;
};

const input = { samples, training, heldOut, network: quarters(), seed: 1 };

describe("evaluate", () => {
  test("gives every number with what it is of, in an interval around it", async () => {
    const labels = Array.from({ length: 40 }, (_, i) => i % 2);
    const found = await evaluate({ ...input, labels });
    expect(found.figures.map(({ name }) => name)).toEqual([
      "Fréchet distance over quarters",
      "kernel distance (as KID) over quarters",
      "precision over quarters, 3 neighbours",
      "recall over quarters, 3 neighbours",
      "density over quarters, 5 neighbours",
      "coverage over quarters, 5 neighbours",
      "share read as the class that was asked for, by quarters",
      "share of held-out images that are farther from training images than a sample, by quarters",
      "sliced Wasserstein distance over pixels, 256 directions, in grey levels",
      "share of held-out images that are farther from training images than a sample, by pixels",
    ]);
    for (const { interval, value } of found.figures) {
      const [low, high] = interval ?? [Number.NaN, Number.NaN];
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    expect(named(found, "Fréchet")).toMatchObject({ samples: 40, reference: 100 });
    expect(named(found, "read as").value).toBe(1);
    expect(found.readByClass).toEqual([
      { name: "dark", samples: 20, share: 1 },
      { name: "bright", samples: 20, share: 1 },
    ]);
    expect(found.reference).toMatchObject({ name: "patterns", images: 100 });
    expect(found.byClass?.map(({ name, images }) => [name, images])).toEqual([
      ["dark", 50],
      ["bright", 50],
    ]);
  });

  test("gives the same numbers again, and the same whatever the order of samples", async () => {
    const first = await evaluate(input);
    expect(await evaluate(input)).toEqual(first);
    const turned = NDArray.stack(samples.split().reverse());
    const other = await evaluate({ ...input, samples: turned });
    for (const [i, { value }] of other.figures.entries())
      expect(value).toBeCloseTo(first.figures[i]?.value as number, 9);
  });

  test("calls distances FID and KID over the standard network alone, with the number of samples", async () => {
    const standard = await evaluate({
      ...input,
      network: quarters({ name: "Inception", standard: true, classes: null }),
    });
    expect(named(standard, "FID").name).toBe("FID of 40 samples");
    expect(named(standard, "FID").notes).toContain(
      "published FIDs are of 50000 samples; fewer give a higher number",
    );
    expect(named(standard, "KID").name).toBe("KID");
    expect((await evaluate(input)).figures.map(({ name }) => name).join()).not.toMatch(/FID/);
  });

  test("says where there are too few images for the features", async () => {
    const few = await evaluate({ ...input, samples: samples.rows(0, 4) });
    expect(named(few, "Fréchet").notes).toEqual([
      "too few samples: the covariance of 4 has a rank of at most 3, and there are 4 features",
    ]);
    expect(few.figures.some(({ name }) => name.startsWith("precision"))).toBe(false);
  });

  test("without a network gives the numbers that need none", async () => {
    const found = await evaluate({ ...input, network: null });
    expect(found.figures.map(({ name }) => name.split(",")[0])).toEqual([
      "sliced Wasserstein distance over pixels",
      "share of held-out images that are farther from training images than a sample",
    ]);
    expect(found.network).toBeNull();
  });

  test("finds copies of training images, and of samples", async () => {
    const copied = NDArray.concat([samples.rows(0, 3), training.images.rows(7, 9), samples.rows(1, 2)]);
    const { copies, nearest } = await evaluate({ ...input, samples: copied, network: null });
    expect(copies).toEqual({ ofTraining: 2, ofSamples: 1 });
    expect([...(nearest[0]?.index ?? [])].slice(3, 5)).toEqual([7, 8]);
  });

  test("of training images themselves shows that they are memorised", async () => {
    const found = await evaluate({ ...input, samples: training.images.rows(0, 30), network: null });
    expect(named(found, "farther from training").value).toBe(1);
  });

  test("compares pairs where samples belong to the reference's images", async () => {
    const blurred = patterns(20, { seed: 2, side: 16 });
    const originals = { ...input, training: blurred, heldOut: null, network: null, paired: true };
    const equal = NDArray.concat([blurred.images.rows(0, 18), patterns(2, { seed: 9, side: 16 }).images]);
    const found = await evaluate({ ...originals, samples: equal });
    expect(named(found, "PSNR")).toMatchObject({
      samples: 2,
      notes: ["18 equal pairs left out, whose number is infinite"],
    });
    expect(named(found, "SSIM")).toMatchObject({ samples: 20 });
  });

  test.each([
    [
      "another size",
      patterns(4, { side: 9 }).images,
      /samples like the reference, uint8 1×8×8, got uint8 1×9×9/,
    ],
    ["other channels", NDArray.zeros([4, 3, 8, 8], "uint8"), /got uint8 3×8×8/],
    ["floats", samples.cast("float32"), /got float32 1×8×8/],
    ["one alone", samples.rows(0, 1), /two samples or more, got 1/],
  ])("refuses samples of %s", async (_, wrong, message) => {
    await expect(evaluate({ ...input, samples: wrong })).rejects.toThrow(message);
  });

  test("refuses a single reference image, and a network whose features are NaN", async () => {
    const single = selectImages(training, [0]);
    await expect(evaluate({ ...input, training: single, heldOut: null })).rejects.toThrow(
      /two reference images or more/,
    );
    const broken = quarters({
      extract: async (images) => ({
        features: NDArray.full([images.shape[0] as number, 4], Number.NaN),
        read: null,
      }),
    });
    await expect(evaluate({ ...input, network: broken })).rejects.toThrow(
      /expected finite features, got NaN/,
    );
  });

  test("ends when it is told to", async () => {
    await expect(evaluate(input, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});
