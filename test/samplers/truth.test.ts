import { describe, expect, test } from "vitest";
import { Generator, imageGenerators, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  gaussianMixture,
  type Level,
  type NoiseProcess,
  networkDenoiser,
  noiseProcesses,
  normalMass,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  initialNoise,
  type OpenedSampler,
  openSampler,
  type SamplerKind,
  samplerKinds,
  samplerSchema,
  stepNoise,
} from "../../src/samplers/index.ts";
import {
  bumps,
  type Errors,
  gaussian,
  momentErrors,
  momentErrorsOf,
  orderOf,
  solutionErrors,
} from "./orders.ts";
import { type Truth, truths } from "./truths.ts";
import { chain, type Moments, opened, slicedDistance, walk } from "./walks.ts";

/** Slopes between two numbers of steps are not yet those of steps without end. */
const SHORT_OF_ORDER = 0.3;
/** Float32 states over some hundred steps. */
const ROUNDING = 1e-6;
/** RK45's default of 1e-5 in a step, over some ten. */
const TOLERANCE = 1e-4;

type Of<I extends Truth["is"]> = Extract<Truth, { is: I }>;
const rowsOf = <I extends Truth["is"]>(is: I): (readonly [SamplerKind, Of<I>])[] =>
  samplerKinds.flatMap((kind) =>
    truths[kind].truths.flatMap((truth) => (truth.is === is ? [[kind, truth as Of<I>] as const] : [])),
  );

test("every kind has a row, which says what is true of it", () => {
  expect(Object.keys(truths).sort()).toEqual([...samplerKinds].sort());
  for (const kind of samplerKinds) expect(truths[kind].truths.length, kind).toBeGreaterThan(0);
});

const expectOrder = (errors: Errors): void =>
  expect(orderOf(errors), `errors ${errors.coarse}, ${errors.fine}`).toBeGreaterThan(
    errors.claimed - SHORT_OF_ORDER,
  );

test.each(rowsOf("ode"))(
  "%s solves the ODE of a mixture to the order that it claims: %o",
  async (kind, truth) => {
    const errors = await solutionErrors(kind, truth);
    expect(errors.fine).toBeLessThan(0.05);
    expectOrder(errors);
  },
);

describe("on Gaussian data, without drawing,", () => {
  test.each([...rowsOf("ode"), ...rowsOf("sde")])(
    "%s has the mean, and a deviation whose error falls: %o",
    async (kind, truth) => {
      const errors = await momentErrors(kind, truth);
      expect(errors.mean).toBeLessThan(ROUNDING);
      expect(errors.fine).toBeLessThan(0.1);
      expectOrder(errors);
    },
  );

  test.each(rowsOf("wide"))("%s has both moments where norms have settled: %o", async (kind, { spec }) => {
    const d = 8192;
    const wide = gaussianMixture([
      { weight: 1, mean: new Array<number>(d).fill(gaussian.mean), deviation: gaussian.deviation },
    ]);
    const generator = new Generator(1);
    const noise = () => generator.normal([1, d]);
    const open = opened({ kind, steps: 200, ...spec }, chain);
    const end = await walk(open, { denoiser: wide.denoiser, x: noise(), noise });
    const values = Float64Array.from(end.data);
    const mean = values.reduce((sum, value) => sum + value, 0) / d;
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d;
    // Four standard errors; a Langevin step of finite size leaves the variance 1 / (1 − r²) times too large.
    const bias = gaussian.deviation * (0.16 ** 2 / 2);
    const error = (4 * gaussian.deviation) / Math.sqrt(d);
    expect(Math.abs(mean - gaussian.mean)).toBeLessThan(error);
    expect(Math.abs(Math.sqrt(square) - gaussian.deviation)).toBeLessThan(error / Math.SQRT2 + bias);
  });

  const continuous: Readonly<Record<string, () => NoiseProcess>> = noiseProcesses;
  // Orders above 2 are left to steps equal in λ: from Karras' their errors change sign among so few.
  const low = rowsOf("ode").filter(
    ([, { spec = {}, among }]) => !among && (!("order" in spec) || Number(spec.order) <= 2),
  );
  const cases = Object.keys(continuous).flatMap((name) =>
    low.map(([kind, { spec }]) => [name, kind, spec ?? {}] as const),
  );

  test.each(cases)("on the process %s %s comes to the deviation of data: %o", async (name, kind, spec) => {
    const process = (continuous[name] as () => NoiseProcess)();
    // The flow's own times are in equal steps, its σ / α is infinite where it starts.
    const spaced = name === "rectified_flow" ? {} : { sigmas: "karras" };
    const settings = kind === "rk45" ? {} : spec;
    // A last step to data would be of the first order for all.
    const path = { spacing: "linspace", final: "least", ...spaced };
    const errorAt = async (steps: number): Promise<Moments> =>
      momentErrorsOf(opened({ kind, steps, ...path, ...settings }, process));
    if (kind === "rk45") {
      const { mean, deviation } = await errorAt(2);
      expect(Math.max(mean, deviation)).toBeLessThan(TOLERANCE);
      return;
    }
    const [coarse, fine] = [await errorAt(40), await errorAt(80)];
    const { order: claimed } = opened({ kind, ...settings }, process).sampler;
    expect(fine.mean).toBeLessThan(ROUNDING);
    expect(fine.deviation).toBeLessThan(0.1);
    expectOrder({ claimed, coarse: coarse.deviation, fine: fine.deviation });
  });

  test.each(["pndm", "tcd"])("%s refuses a process that has no timesteps", (kind) => {
    for (const open of Object.values(continuous))
      expect(() => opened({ kind }, open())).toThrow(
        `${kind}: expected a process of trained timesteps, got one in continuous time`,
      );
  });
});

/** How many draws a distance is of. */
const DRAWS = 2000;
/** Of so many sets of true draws and one more, that one is the farthest in one case of twenty: a 95% interval. */
const OTHERS = 19;

/** The largest distance of sets of true draws to the truth, known before anything is sampled. */
const farthest = (
  truth: NDArray,
  draw: (generator: Generator) => NDArray,
  distance: (a: NDArray, b: NDArray) => number,
): number =>
  Math.max(...Array.from({ length: OTHERS }, (_, k) => distance(truth, draw(new Generator(100 + k)))));

describe("draws of a mixture in the plane", () => {
  const mixture = gaussianMixture([
    { weight: 1, mean: [-0.7, 0.3], deviation: 0.15 },
    { weight: 3, mean: [0.6, -0.2], deviation: 0.25 },
  ]);
  const truth = mixture.sample(DRAWS, new Generator(11));
  const limit = farthest(truth, (generator) => mixture.sample(DRAWS, generator), slicedDistance);
  const cases = samplerKinds.flatMap((kind) => {
    const { draws } = truths[kind];
    return draws ? [[kind, draws] as const] : [];
  });

  test.each(cases)("%s is as near as true draws, with both modes' weights: %o", async (kind, spec) => {
    const generator = new Generator(3);
    const noise = () => generator.normal([DRAWS, 2]);
    const end = await walk(opened({ kind, ...spec }, chain), {
      denoiser: mixture.denoiser,
      x: noise(),
      noise,
    });
    expect(slicedDistance(truth, end)).toBeLessThanOrEqual(limit);
    const left = end.split().filter(({ data: [x = 0] }) => x < 0).length / DRAWS;
    const standardError = Math.sqrt((0.25 * 0.75) / DRAWS);
    expect(Math.abs(left - 0.25)).toBeLessThan(3 * standardError);
  });
});

describe("with the exact consistency function", () => {
  const LINE_DRAWS = 2 * DRAWS;
  const below = (x: number, { alpha, sigma }: Level): number =>
    bumps.components.reduce((sum, { weight, mean: [m = 0], deviation }) => {
      const spread = Math.hypot(alpha * deviation, sigma);
      return sum + (weight / 3) * normalMass(Number.NEGATIVE_INFINITY, (x - alpha * m) / spread);
    }, 0);
  const quantile = (share: number): number => {
    let [low, high] = [-6, 6];
    for (let k = 0; k < 40; k++) {
      const middle = (low + high) / 2;
      if (below(middle, { alpha: 1, sigma: 0, t: 0 }) < share) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  /** On a line the flow keeps the order of points, so that it maps quantiles to quantiles. */
  const denoiser: Denoiser = async (x, level) => ({ x0: x.map((value) => quantile(below(value, level))) });
  const distance = (a: NDArray, b: NDArray): number => {
    const [p, q] = [a, b].map(({ data }) => Float64Array.from(data).sort()) as [Float64Array, Float64Array];
    return p.reduce((sum, value, i) => sum + Math.abs(value - (q[i] as number)), 0) / LINE_DRAWS;
  };
  const truth = NDArray.of(
    Array.from({ length: LINE_DRAWS }, (_, k) => quantile((k + 0.5) / LINE_DRAWS)),
    [LINE_DRAWS, 1],
  );
  const limit = farthest(truth, (generator) => bumps.sample(LINE_DRAWS, generator), distance);
  const cases = rowsOf("consistency").flatMap(([kind, { steps, spec }]) =>
    steps.map((count) => [kind, { steps: count, ...spec }] as const),
  );

  test.each(cases)("%s draws from the data, however few its steps: %o", async (kind, spec) => {
    const generator = new Generator(3);
    const noise = () => generator.normal([LINE_DRAWS, 1]);
    const end = await walk(opened({ kind, ...spec }, chain), { denoiser, x: noise(), noise });
    expect(distance(truth, end)).toBeLessThanOrEqual(limit);
  });

  test.each(["lcm", "tcd"])(
    "%s refuses more steps, and chains of fewer timesteps, than were distilled",
    (kind) => {
      expect(() => opened({ kind, steps: 51 }, chain)).toThrow("steps: expected an integer from 1 to 50");
      const short = diffusionProcess(scheduleSchema.parse({ num_train_timesteps: 49 }));
      expect(() => opened({ kind, steps: 4 }, short)).toThrow("timesteps: expected at least 50");
    },
  );
});

describe.each(samplerKinds)("%s", (kind) => {
  const shape = [1, 3, 4];
  /** An untrained network: smooth, bounded and wrong. */
  const network = async (x: NDArray, t: number) => x.map((value) => Math.sin(2 * value + t / 200));
  const untrained = networkDenoiser(network);
  const short = kind === "langevin" ? { stepsPerLevel: 2 } : {};
  const openedShort = (spec: object, process: NoiseProcess = chain): OpenedSampler =>
    openSampler(samplerSchema.parse({ kind, ...short, ...spec }), process);

  /** Images of seed, seed + 1 and so on. */
  const images = (seed: number, count: number): Promise<NDArray> => {
    const generators = imageGenerators(seed, count);
    const x = initialNoise(generators, shape);
    return walk(openedShort({ steps: 6 }), { denoiser: untrained, x, noise: stepNoise(generators, shape) });
  };

  test("gives the same images again from the same seed, and others from another", async () => {
    const batch = await images(5, 3);
    expect(await images(5, 3)).toEqual(batch);
    expect(await images(6, 3)).not.toEqual(batch);
  });

  test("makes image k of a batch what it is alone", async () => {
    const batch = await images(5, 3);
    for (const k of [0, 1, 2]) {
      const alone = (await images(5 + k, 1)).row(0);
      // RK45's steps are chosen for the batch as a whole: its tolerance, which this network magnifies, is all they share.
      if (kind === "rk45")
        expect(Math.max(...batch.row(k).sub(alone).abs().data)).toBeLessThan(100 * TOLERANCE);
      else expect(batch.row(k)).toEqual(alone);
    }
  });

  test("evaluates as often as it says", async () => {
    for (const steps of [1, 2, 3, 5, 12]) {
      let evaluations = 0;
      const denoiser: Denoiser = (x, level) => {
        evaluations += 1;
        return untrained(x, level);
      };
      const open = openedShort({ steps });
      const generator = new Generator(0);
      const noise = () => generator.normal([1, ...shape]);
      await walk(open, { denoiser, x: noise(), noise });
      const said = open.sampler.evaluations(steps);
      if (kind === "rk45") expect(said).toBe(null);
      else expect(said).toBe(evaluations);
    }
  });

  const paths = ["trailing", "linspace", "leading"].flatMap((spacing) =>
    [undefined, "karras"].flatMap((sigmas) =>
      ["clean", "least"].map((final) => ({ spacing, sigmas, final })),
    ),
  );
  const finite = async (open: OpenedSampler, steps: number, denoiser = untrained): Promise<boolean> => {
    const generator = new Generator(steps);
    const noise = () => generator.normal([1, ...shape]);
    return (await walk(open, { denoiser, x: noise(), noise })).isFinite();
  };

  // A distilled model knows 50 timesteps, and fewer are refused.
  const lengths = [10, 100, 1000, 4000].filter((T) => T >= 50 || !(kind === "lcm" || kind === "tcd"));
  test.each(lengths)("stays finite on every path of %i timesteps, whatever the network says", async (T) => {
    const process = diffusionProcess(
      scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2", num_train_timesteps: T }),
    );
    for (const path of paths)
      for (let steps = 1; steps <= Math.min(12, T); steps++)
        expect(await finite(openedShort({ steps, ...path }, process), steps), `${steps} steps`).toBe(true);
  });

  const elsewhere = kind === "pndm" || kind === "tcd" ? [] : Object.entries(noiseProcesses);
  test.each(elsewhere)("stays finite on every path of the process %s", async (_, open) => {
    // What says something at α = 0, where the rectified flow starts.
    const denoiser = networkDenoiser(network, { prediction: "flow_prediction" });
    for (const path of paths)
      for (const steps of [1, 2, 3, 12]) {
        const short = openedShort({ steps, ...path }, open());
        expect(await finite(short, steps, denoiser), `${steps} steps`).toBe(true);
      }
  });
});
