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
  beginOfStrength,
  keepKnown,
  openSampler,
  pathOf,
  repaintPath,
  type Start,
  sample,
  samplerKinds,
  samplerSchema,
} from "../../src/samplers/index.ts";
import { refuseNoise } from "./walks.ts";

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

const run = async (
  start: Start,
  spec: object = {},
  seed = 3,
  steered = denoiser,
  noises = 2,
): Promise<NDArray> => {
  const parsed = samplerSchema.parse({ kind: "ddim", steps: 20, ...spec });
  const { sampler, levels, limit, churn } = openSampler(parsed, process);
  const n = start.kind === "noise" ? noises : (start.kind === "given" ? start.x : start.image).shape[0];
  const generators = imageGenerators(seed, n as number);
  const begun = begin(start, { levels, sampler, generators, shape, seed });
  let end = begun.x;
  for await (const { x } of sample({ ...begun, sampler, denoiser: limit(steered), ...(churn && { churn }) }))
    end = x;
  return end;
};

/** Every way from noise to images. */
const forwards = samplerKinds.filter((kind) => kind !== "ddim_inversion");

/** What is outside the mask, of every row. */
const kept = (x: NDArray): number[] => [...x.data].filter((_, i) => i % 4 >= 2);

describe("a strength", () => {
  test("keeps the last part of the path, at least a step", () => {
    expect([1, 0.5, 0.3, 0.001].map((strength) => beginOfStrength(levels, strength))).toEqual([
      0, 10, 14, 19,
    ]);
  });

  test.each([0, -0.5, 1.01, Number.NaN])("of %f is refused", (strength) => {
    expect(() => beginOfStrength(levels, strength)).toThrow("strength: expected above 0 and at most 1");
  });

  /** Of data among which the image is one of many. */
  const exact = gaussianMixture([{ weight: 1, mean: Array<number>(16).fill(0), deviation: 0.7 }]).denoiser;
  const spread: typeof exact = async (x, level) => {
    const { x0, eps } = await exact(x.reshape([x.shape[0] as number, 16]), level);
    return { x0: x0.reshape(x.shape), ...(eps && { eps: eps.reshape(x.shape) }) };
  };
  /** Once the image is forgotten, distances are those of any two draws, as each rule makes them. */
  const FORGOTTEN = 0.95;

  // Langevin dynamics forget where they started at every level.
  const sweeping = forwards.filter((kind) => kind !== "langevin");
  test.each(sweeping)("sweeps from the image to anything, with %s", async (kind) => {
    const one = NDArray.concat(Array.from({ length: 64 }, () => image.rows(0, 1)));
    const distances: number[] = [];
    for (const strength of [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]) {
      const end = await run({ kind: "image", image: one, strength }, { kind, clip: null }, 5, spread);
      expect(end.isFinite()).toBe(true);
      distances.push(end.sub(one).abs().mean().item());
    }
    for (const [i, distance] of distances.entries())
      if (i > 0) expect(distance).toBeGreaterThan((i < 4 ? 1 : FORGOTTEN) * (distances[i - 1] as number));
    expect(distances.at(-1)).toBeGreaterThan(2 * (distances[0] as number));
  });
});

describe("what is known", () => {
  const few = { stepsPerLevel: 3 };

  test.each(forwards)("stays bit for bit, also where the path ends above data, with %s", async (kind) => {
    for (const final of ["clean", "least"])
      for (const resamplings of [1, 2]) {
        const spec = { kind, final, ...(kind === "langevin" && few) };
        const end = await run({ kind: "inpaint", image, mask, strength: 0.8, resamplings }, spec);
        expect(kept(end)).toEqual(kept(image));
        expect(end.isFinite()).toBe(true);
        expect(end.data[0]).not.toBe(image.data[0]);
      }
  });

  test("is noised to each level, and blends where the mask does", () => {
    const half = NDArray.full([1, 1, 4, 4], 0.25);
    const noise = NDArray.full(image.shape, 2);
    const level: Level = { alpha: 0.6, sigma: 0.8, t: 5 };
    const x = NDArray.full(image.shape, 4);
    const out = keepKnown({ image, mask: half, noise: () => noise })(x, level);
    expect(out.data[3]).toBeCloseTo(0.25 * 4 + 0.75 * (0.6 * Math.sin(3) + 1.6), 5);
    for (const end of [CLEAN, level]) {
      const pasted = keepKnown({ image, mask, noise: refuseNoise, end })(x, end);
      expect([pasted.data[0], pasted.data[2]]).toEqual([4, image.data[2]]);
    }
  });

  test.each([
    [NDArray.zeros([1, 1, 3, 4]), "mask: expected the image's 4×4"],
    [NDArray.full([1, 1, 4, 4], 1.5), "mask: expected values from 0 to 1"],
    [NDArray.full([1, 1, 4, 4], Number.NaN), "mask: expected values from 0 to 1"],
    [NDArray.zeros([3, 1, 4, 4]), "mask: expected one for the image's [2, 1, 4, 4], got [3, 1, 4, 4]"],
    [NDArray.zeros([1, 3, 4, 4]), "mask: expected one for the image's [2, 1, 4, 4], got [1, 3, 4, 4]"],
    [NDArray.zeros([1, 1, 1, 4, 4]), "mask: expected one for the image's [2, 1, 4, 4]"],
  ])("needs a mask of its size and from 0 to 1", (wrong, message) => {
    expect(() => keepKnown({ image, mask: wrong, noise: refuseNoise })).toThrow(message);
  });

  test("may differ from image to image", async () => {
    const masks = NDArray.concat([mask, mask.map((value) => 1 - value)]);
    const end = await run({ kind: "inpaint", image, mask: masks, strength: 1, resamplings: 1 });
    expect(kept(end.rows(0, 1))).toEqual(kept(image.rows(0, 1)));
    expect(kept(end.rows(1, 2))).not.toEqual(kept(image.rows(1, 2)));
    expect(end.row(1).data[0]).toBe(image.row(1).data[0]);
  });
});

describe("RePaint's path", () => {
  const short = levels.slice(-5); // t = 199, 149, 99, 49, clean
  const told = (path: readonly Level[]) => path.map(({ t }) => t);

  test("walks every stretch again and again, and to data once", () => {
    expect(told(repaintPath(short, { jump: 2, resamplings: 3 }))).toEqual([
      199, 149, 99, 49, 149, 99, 49, 149, 99, 49, -1,
    ]);
    expect(repaintPath(short, { jump: 2, resamplings: 1 })).toEqual(short);
    expect(told(repaintPath(short, { jump: 1, resamplings: 2 }))).toEqual([
      199, 149, 199, 149, 99, 149, 99, 49, 99, 49, -1,
    ]);
  });

  /** Algorithm 1 with jumps, as its list of t: down by one, and at multiples of j, r − 1 times, up by j. */
  const published = (steps: number, jump: number, resamplings: number): number[] => {
    const left = new Map<number, number>();
    for (let t = 0; t < steps - jump; t += jump) left.set(t, resamplings - 1);
    const times: number[] = [];
    for (let t = steps - 1; t >= 0; t--) {
      times.push(t);
      const again = left.get(t) ?? 0;
      if (again === 0) continue;
      left.set(t, again - 1);
      for (let k = 1; k <= jump; k++) times.push(t + k);
      t += jump;
    }
    return [...times, -1];
  };

  test.each([
    [20, 4, 3],
    [23, 5, 2],
    [50, 10, 10],
    [7, 6, 2],
  ])(
    "of %i steps, jump %i and %i walks goes through the levels of the paper's",
    (steps, jump, resamplings) => {
      const path = pathOf(process, { steps });
      const times = repaintPath(path, { jump, resamplings }).map((level) => steps - 1 - path.indexOf(level));
      // Their climbs stop at each level between, ours go up at once.
      const stops = published(steps, jump, resamplings);
      const ends = stops.filter(
        (t, i) => i === 0 || t < (stops[i - 1] as number) || !((stops[i + 1] as number) > t),
      );
      expect(times).toEqual(ends);
    },
  );

  test("takes jumps of a fifth of the path, at most ten steps, unless told otherwise", () => {
    for (const [steps, jump] of [
      [2, 1],
      [10, 2],
      [50, 10],
      [250, 10],
    ] as const) {
      const path = pathOf(process, { steps });
      expect(repaintPath(path, { resamplings: 2 })).toEqual(repaintPath(path, { jump, resamplings: 2 }));
      expect(repaintPath(path, { resamplings: 2 }).length).toBeGreaterThan(path.length);
    }
  });

  test("that is too short to be walked again is refused", () => {
    expect(() => repaintPath(levels.slice(-2), { resamplings: 2 })).toThrow(
      "repaint: expected a jump shorter than the path of 1 step, got 1",
    );
    expect(() => repaintPath(short, { jump: 4, resamplings: 2 })).toThrow("of 4 steps, got 4");
    expect(repaintPath(levels.slice(-2), { resamplings: 1 })).toEqual(levels.slice(-2));
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

  const guidance = { scale: 2, rescale: 0.5, interval: [0.05, 20] } as const;
  const steered = classifierFree(
    denoiser,
    networkDenoiser(async (x) => x.mul(0.5)),
    guidance,
  );
  const stochastic = [
    { kind: "ancestral", variance: "fixed_large" },
    { kind: "ddim", eta: 1 },
    { kind: "euler_ancestral" },
    { kind: "dpm_sde" },
    { kind: "edm" },
    { kind: "predictor_corrector" },
    { kind: "tcd" },
    { kind: "unipc" },
  ];

  test.each(
    starts.flatMap((start) => stochastic.map((spec) => [start.kind, spec.kind, start, spec] as const)),
  )(
    "of kind %s, guided, with %s, makes image k of a batch what it is alone",
    async (_kind, _sampler, start, spec) => {
      const batch = await run(start, spec, 7, steered);
      const alone = "image" in start ? { ...start, image: image.rows(1, 2) } : start;
      expect(batch.rows(1, 2)).toEqual((await run(alone, spec, 8, steered, 1)).rows(0, 1));
      expect(batch).not.toEqual(await run(start, spec, 7, denoiser));
      if (start.kind === "inpaint") expect(kept(batch)).toEqual(kept(image));
    },
  );

  test("given as x is where the path begins", async () => {
    expect(await run({ kind: "given", x: image })).toEqual(await run({ kind: "given", x: image }, {}, 99));
  });

  test("of another number or shape than is to be made is refused", () => {
    const { sampler } = openSampler(samplerSchema.parse({ kind: "ddim" }), process);
    const wrong = { levels, sampler, generators: imageGenerators(0, 3), shape, seed: 0 };
    expect(() => begin({ kind: "image", image, strength: 1 }, wrong)).toThrow(
      "image: expected [3, 1, 4, 4], got [2, 1, 4, 4]",
    );
  });

  test("leads from images to noise, if they are given, and from nothing else", async () => {
    const inversion = { kind: "ddim_inversion", steps: 20 };
    expect((await run({ kind: "given", x: image }, inversion)).isFinite()).toBe(true);
    await expect(run({ kind: "noise" }, inversion)).rejects.toThrow(
      "ddim inversion: expected images to walk up from, given, got noise",
    );
  });

  test("of an image needs steps to be a part of", async () => {
    await expect(run({ kind: "image", image, strength: 0.6 }, { kind: "rk45", steps: 2 })).rejects.toThrow(
      "rk45 with a strength of 0.6: expected at least 10 steps",
    );
    expect((await run({ kind: "image", image, strength: 1 }, { kind: "rk45", steps: 2 })).isFinite()).toBe(
      true,
    );
  });
});
