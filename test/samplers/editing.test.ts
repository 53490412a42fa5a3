import { describe, expect, test } from "vitest";
import { imageGenerators, NDArray } from "../../src/base/index.ts";
import {
  CLEAN,
  classifierFree,
  diffusionProcess,
  gaussianMixture,
  type Level,
  networkDenoiser,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  begin,
  keepKnown,
  openSampler,
  pathOf,
  pathOfStrength,
  repaintPath,
  type Start,
  sample,
  samplerKinds,
  samplerSchema,
} from "../../src/samplers/index.ts";
import { refuseNoise } from "./diffusers-cases.ts";

const process = diffusionProcess(scheduleSchema.parse({}));
const levels = pathOf(process, { steps: 20 });
const shape = [1, 4, 4];
const image = NDArray.of(
  Array.from({ length: 32 }, (_, i) => Math.sin(i)),
  [2, ...shape],
);
/** Free on the left. */
const mask = NDArray.of(
  Array.from({ length: 16 }, (_, i) => Number(i % 4 < 2)),
  [1, 1, 4, 4],
);
const denoiser = networkDenoiser(async (x, t) => x.map((value) => Math.sin(2 * value + t / 200)));

const run = async (start: Start, spec: object = {}, seed = 3, steered = denoiser): Promise<NDArray> => {
  const parsed = samplerSchema.parse({ kind: "ddim", steps: 20, ...spec });
  const { sampler, levels, limit } = openSampler(parsed, process);
  const n = start.kind === "noise" ? 2 : (start.kind === "given" ? start.x : start.image).shape[0];
  const generators = imageGenerators(seed, n as number);
  const begun = begin(start, { levels, generators, shape, seed });
  let end = begun.x;
  for await (const { x } of sample({ ...begun, sampler, denoiser: limit(steered) })) end = x;
  return end;
};

describe("a strength", () => {
  test("keeps the last part of the path, at least a step", () => {
    expect(pathOfStrength(levels, 1)).toEqual(levels);
    expect(pathOfStrength(levels, 0.5)).toEqual(levels.slice(10));
    expect(pathOfStrength(levels, 0.3)).toEqual(levels.slice(14));
    expect(pathOfStrength(levels, 0.001)).toEqual(levels.slice(-2));
  });

  test.each([0, -0.5, 1.01, Number.NaN])("of %f is refused", (strength) => {
    expect(() => pathOfStrength(levels, strength)).toThrow("strength: expected above 0 and at most 1");
  });

  /** A denoiser that leaves an image as it is at little noise: of data near it. */
  const near = gaussianMixture([{ weight: 1, mean: Array.from(image.row(0).data), deviation: 0.3 }]).denoiser;
  const flat: typeof near = async (x, level) => {
    const { x0, eps } = await near(x.reshape([x.shape[0] as number, 16]), level);
    return { x0: x0.reshape(x.shape), ...(eps && { eps: eps.reshape(x.shape) }) };
  };

  test.each(samplerKinds.filter((kind) => !["ddim_inversion", "langevin", "rk45"].includes(kind)))(
    "sweeps from the image to anything, with %s",
    async (kind) => {
      const one = NDArray.concat(Array.from({ length: 24 }, () => image.rows(0, 1)));
      const distances: number[] = [];
      for (const strength of [0.05, 0.25, 0.5, 1]) {
        const steps = kind === "lcm" || kind === "tcd" ? 20 : 40;
        const end = await run({ kind: "image", image: one, strength }, { kind, steps, clip: null }, 5, flat);
        expect(end.isFinite()).toBe(true);
        distances.push(end.sub(one).abs().mean().item());
      }
      for (const [i, distance] of distances.entries())
        if (i > 0) expect(distance).toBeGreaterThan(0.9 * (distances[i - 1] as number)); // 24 draws
      expect(distances.at(-1)).toBeGreaterThan(distances[0] as number);
    },
  );
});

describe("what is known", () => {
  test("stays bit for bit, whatever the sampler", async () => {
    for (const kind of ["ddim", "ancestral", "dpm_multistep", "heun", "unipc"]) {
      const end = await run({ kind: "inpaint", image, mask, strength: 1, resamplings: 1 }, { kind });
      for (let i = 0; i < 32; i++) if (i % 4 >= 2) expect(end.data[i]).toBe(image.data[i]);
      expect(end.data[0]).not.toBe(image.data[0]);
    }
  });

  test("is noised to each level, and blends where the mask does", () => {
    const half = NDArray.full([1, 1, 4, 4], 0.25);
    const noise = NDArray.full(image.shape, 2);
    const level: Level = { alpha: 0.6, sigma: 0.8, t: 5 };
    const x = NDArray.full(image.shape, 4);
    const out = keepKnown(image, half, () => noise)(x, level);
    expect(out.data[3]).toBeCloseTo(0.25 * 4 + 0.75 * (0.6 * Math.sin(3) + 1.6), 5);
    const clean = keepKnown(image, mask, refuseNoise)(x, CLEAN);
    expect([clean.data[0], clean.data[2]]).toEqual([4, image.data[2]]);
  });

  test.each([
    [NDArray.zeros([1, 1, 3, 4]), "mask: expected the image's 4×4"],
    [NDArray.full([1, 1, 4, 4], 1.5), "mask: expected values from 0 to 1"],
    [NDArray.full([1, 1, 4, 4], Number.NaN), "mask: expected values from 0 to 1"],
  ])("needs a mask of its size and from 0 to 1", (wrong, message) => {
    expect(() => keepKnown(image, wrong, refuseNoise)).toThrow(message);
  });
});

describe("RePaint's path", () => {
  const short = levels.slice(-5); // t = 199, 149, 99, 49, clean
  const told = (path: readonly Level[]) => path.map(({ t }) => t);

  test("walks every stretch but the last again and again", () => {
    expect(told(repaintPath(short, { jump: 2, resamplings: 3 }))).toEqual([
      199, 149, 99, 199, 149, 99, 199, 149, 99, 49, -1,
    ]);
    expect(repaintPath(short, { jump: 2, resamplings: 1 })).toEqual(short);
    expect(told(repaintPath(short, { jump: 1, resamplings: 2 }))).toEqual([
      199, 149, 199, 149, 99, 149, 99, 49, 99, 49, -1,
    ]);
  });

  test("is walked by stochastic, deterministic and multistep samplers", async () => {
    for (const kind of ["ancestral", "ddim", "dpm_multistep", "unipc", "lms"]) {
      const end = await run({ kind: "inpaint", image, mask, strength: 0.8, resamplings: 3 }, { kind });
      expect(end.isFinite()).toBe(true);
      for (let i = 0; i < 32; i++) if (i % 4 >= 2) expect(end.data[i]).toBe(image.data[i]);
    }
  });

  test.each([{ jump: 0 }, { resamplings: 0 }, { resamplings: 1.5 }])("refuses %o", (options) => {
    expect(() => repaintPath(levels, options)).toThrow(
      "repaint: expected a jump and a number of resamplings",
    );
  });
});

describe("a start", () => {
  const starts: Start[] = [
    { kind: "noise" },
    { kind: "image", image, strength: 0.5 },
    { kind: "inpaint", image, mask, strength: 0.9, resamplings: 2 },
  ];

  test.each(starts)("of kind $kind makes image k of a batch what it is alone", async (start) => {
    const guided = classifierFree(
      denoiser,
      networkDenoiser(async (x) => x.mul(0.5)),
      { scale: 2, rescale: 0.5 },
    );
    const spec = { kind: "ancestral", variance: "fixed_large" };
    const batch = await run(start, spec, 7, guided);
    const alone = "image" in start ? { ...start, image: image.rows(1, 2) } : start;
    const { sampler, levels, limit } = openSampler(samplerSchema.parse({ steps: 20, ...spec }), process);
    const begun = begin(alone, { levels, generators: imageGenerators(8, 1), shape, seed: 8 });
    let end = begun.x;
    for await (const { x } of sample({ ...begun, sampler, denoiser: limit(guided) })) end = x;
    expect(batch.rows(1, 2)).toEqual(end);
  });

  test("given as x is where the path begins", async () => {
    expect(await run({ kind: "given", x: image })).toEqual(await run({ kind: "given", x: image }, {}, 99));
  });

  test("of another number or shape than is to be made is refused", () => {
    const wrong = { levels, generators: imageGenerators(0, 3), shape, seed: 0 };
    expect(() => begin({ kind: "image", image, strength: 1 }, wrong)).toThrow(
      "image: expected [3, 1, 4, 4], got [2, 1, 4, 4]",
    );
  });
});
