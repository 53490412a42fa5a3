import { describe, expect, test } from "vitest";
import { Generator, imageGenerators, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  type GaussianMixture,
  gaussianMixture,
  type Level,
  type NoiseProcess,
  networkDenoiser,
  noiseProcesses,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  initialNoise,
  openSampler,
  type SamplerKind,
  sample,
  samplerKinds,
  samplerSchema,
  stepNoise,
} from "../../src/samplers/index.ts";

/**
 * What is true of each kind. `ode`: it solves the probability-flow ODE, with an error of the claimed order at the
 * given numbers of steps. `sde`: its draws come to the data's moments as steps grow. `consistency`: made for networks
 * that are consistency functions, of which the exact denoiser is none. `inversion`: from data to noise.
 */
type Truth =
  | {
      readonly is: "ode";
      readonly order: number;
      readonly steps: readonly [number, number];
      readonly spec?: object;
    }
  | { readonly is: "sde"; readonly steps: number; readonly error: number; readonly spec?: object }
  | { readonly is: "consistency" }
  | { readonly is: "inversion" };

const truths: Readonly<Record<SamplerKind, readonly Truth[]>> = {
  ddim: [
    { is: "ode", order: 1, steps: [40, 80] },
    { is: "sde", steps: 200, error: 0.02, spec: { eta: 1 } },
  ],
  ancestral: [
    { is: "sde", steps: 200, error: 0.02 },
    { is: "sde", steps: 200, error: 0.02, spec: { variance: "fixed_large" } },
  ],
  pndm: [{ is: "ode", order: 2, steps: [20, 40] }],
  euler: [{ is: "ode", order: 1, steps: [40, 80] }],
  euler_ancestral: [{ is: "sde", steps: 200, error: 0.02 }],
  heun: [{ is: "ode", order: 2, steps: [20, 40] }],
  edm: [{ is: "sde", steps: 100, error: 0.02, spec: { noise: 1 } }],
  lms: [1, 2, 3].map((order) => ({ is: "ode", order, steps: [20, 40], spec: { order } })),
  kdpm2: [
    { is: "ode", order: 2, steps: [20, 40] },
    { is: "sde", steps: 200, error: 0.02, spec: { eta: 1 } },
  ],
  dpm_multistep: [
    ...(["dpmsolver", "dpmsolver++"] as const).flatMap((algorithm) =>
      [1, 2].map((order) => ({
        is: "ode" as const,
        order,
        steps: [40, 80] as const,
        spec: { algorithm, order },
      })),
    ),
    { is: "sde", steps: 200, error: 0.02, spec: { algorithm: "sde-dpmsolver++" } },
    { is: "sde", steps: 200, error: 0.02, spec: { algorithm: "sde-dpmsolver" } },
  ],
  dpm_singlestep: (["dpmsolver", "dpmsolver++"] as const).flatMap((algorithm) =>
    [1, 2, 3].map((order) => ({ is: "ode", order, steps: [24, 48], spec: { algorithm, order } })),
  ),
  dpm_sde: [
    { is: "sde", steps: 200, error: 0.02 },
    { is: "ode", order: 2, steps: [20, 40], spec: { eta: 0 } },
  ],
  deis: [1, 2, 3].map((order) => ({ is: "ode", order, steps: [20, 40], spec: { order } })),
  unipc: [1, 2, 3].map((order) => ({ is: "ode", order, steps: [20, 40], spec: { order } })),
  ddim_inversion: [{ is: "inversion" }],
  rk45: [{ is: "ode", order: 0, steps: [2, 2] }],
  langevin: [{ is: "sde", steps: 10, error: 0.1, spec: { stepsPerLevel: 200, stepSize: 0.1 } }],
  predictor_corrector: [{ is: "sde", steps: 200, error: 0.1, spec: { snr: 0.05, norms: "batch" } }],
  lcm: [{ is: "consistency" }],
  tcd: [{ is: "consistency" }],
};

/** A process in which steps of equal size in λ stay clear of both ends, so that orders can be measured. */
const flat = (): NoiseProcess => {
  const { level, levelAt } = noiseProcesses.vp();
  return { span: [0.05, 1], level, levelAt };
};
const chain = diffusionProcess(scheduleSchema.parse({}));

/** x at the end, of a run that draws the given noise. */
const walk = async (
  spec: object,
  {
    process = chain as NoiseProcess,
    denoiser,
    x,
    noise,
  }: { process?: NoiseProcess; denoiser: Denoiser; x: NDArray; noise: () => NDArray },
): Promise<NDArray> => {
  const { sampler, levels, churn } = openSampler(samplerSchema.parse({ clip: null, ...spec }), process);
  let end = x;
  for await (const frame of sample({ denoiser, sampler, levels, churn, x, noise })) end = frame.x;
  return end;
};

const refuse = (): NDArray => {
  throw new Error("an ODE solver draws no noise");
};

const bumps = gaussianMixture([
  { weight: 1, mean: [-0.8], deviation: 0.5 },
  { weight: 2, mean: [0.7], deviation: 0.6 },
]);

/** Timesteps from 920 in equal steps that end at 0. */
const equal = (steps: number): number[] => Array.from({ length: steps }, (_, i) => 920 - (i * 920) / steps);

describe("solvers of the probability-flow ODE", () => {
  const x = NDArray.of([-1.6, -0.7, 0.1, 0.9, 1.7], [5, 1]);
  const cases = samplerKinds.flatMap((kind) =>
    truths[kind].flatMap((truth) => (truth.is === "ode" ? [[kind, truth] as const] : [])),
  );
  const common = { spacing: "linspace", sigmas: "exponential", final: "least", lowerOrderFinal: false };
  const specOf = (kind: SamplerKind, steps: number, spec: object = {}): object => {
    const known = Object.entries({ ...common, ...spec }).filter(
      ([field]) => field !== "lowerOrderFinal" || /^(dpm_m|dpm_si|deis|unipc)/.test(kind),
    );
    return { kind, steps, ...Object.fromEntries(known) };
  };
  const run = (kind: SamplerKind, steps: number, spec?: object) =>
    kind === "pndm"
      ? walk(
          { kind, spacing: equal(steps), steps, final: "least" },
          { denoiser: bumps.denoiser, x, noise: refuse },
        )
      : walk(specOf(kind, steps, spec), { process: flat(), denoiser: bumps.denoiser, x, noise: refuse });
  /** As exact as float32 states allow; PNDM's middles are timesteps, so that it runs on a chain of them. */
  const exact = (kind: SamplerKind) => {
    const spec = { kind: "rk45", rtol: 1e-8, atol: 1e-8 };
    return kind === "pndm"
      ? walk(
          { ...spec, spacing: equal(1), steps: 1, final: "least" },
          { denoiser: bumps.denoiser, x, noise: refuse },
        )
      : run("rk45", 2, spec);
  };
  const errorOf = async (kind: SamplerKind, steps: number, spec?: object): Promise<number> => {
    const [end, truth] = [await run(kind, steps, spec), await exact(kind)];
    return Math.max(...end.sub(truth).abs().data);
  };

  test.each(cases)("%s %o", async (kind, { order, steps: [few, many], spec }) => {
    const [coarse, fine] = [await errorOf(kind, few, spec), await errorOf(kind, many, spec)];
    if (kind === "rk45") return expect(fine).toBeLessThan(1e-4);
    expect(fine).toBeLessThan(0.05);
    const measured = Math.log2(coarse / fine);
    expect(measured, `errors ${coarse}, ${fine}`).toBeGreaterThan(order - 0.35); // the slope is asymptotic
  });
});

describe("stochastic samplers on Gaussian data, without drawing", () => {
  const [m, s] = [0.4, 0.5];
  const gaussian = gaussianMixture([{ weight: 1, mean: [m], deviation: s }]);
  const cases = samplerKinds.flatMap((kind) =>
    truths[kind].flatMap((truth) => (truth.is === "sde" ? [[kind, truth] as const] : [])),
  );

  /**
   * The denoiser is affine, so a run is end = a x + b + Σ c_k z_k. One batch has all of it: x = 0, x = 1, and one row
   * for each draw with z_k = 1.
   */
  const momentsOf = async (kind: SamplerKind, { steps, spec }: Extract<Truth, { is: "sde" }>) => {
    let draws = 0;
    const count = () => NDArray.zeros([1, 1 + 0 * draws++]);
    await walk(
      { kind, steps, ...spec },
      { denoiser: gaussian.denoiser, x: NDArray.zeros([1, 1]), noise: count },
    );
    const rows = 2 + draws;
    let drawn = 0;
    const impulse = () => {
      const row = 2 + drawn++;
      return NDArray.of(
        Array.from({ length: rows }, (_, k) => Number(k === row)),
        [rows, 1],
      );
    };
    const x = NDArray.of(
      Array.from({ length: rows }, (_, k) => Number(k === 1)),
      [rows, 1],
    );
    const { data } = await walk({ kind, steps, ...spec }, { denoiser: gaussian.denoiser, x, noise: impulse });
    const b = data[0] as number;
    const weights = Array.from(data.slice(1), (value) => value - b);
    return { mean: b, deviation: Math.hypot(...weights) };
  };

  test.each(cases.filter(([kind]) => kind !== "predictor_corrector"))("%s %o", async (kind, truth) => {
    const { mean, deviation } = await momentsOf(kind, truth);
    expect(Math.abs(mean - m)).toBeLessThan(truth.error);
    expect(Math.abs(deviation - s)).toBeLessThan(truth.error);
  });
});

describe("draws of a mixture", () => {
  const mixture = gaussianMixture([
    { weight: 1, mean: [-0.7, 0.3], deviation: 0.15 },
    { weight: 3, mean: [0.6, -0.2], deviation: 0.25 },
  ]);
  const n = 3000;
  const cases = samplerKinds.flatMap((kind) =>
    truths[kind].some(({ is }) => is === "ode" || is === "sde") ? [kind] : [],
  );
  const specs: Partial<Record<SamplerKind, object>> = {
    ancestral: { steps: 250 },
    predictor_corrector: { steps: 250, snr: 0.05, norms: "batch" },
    langevin: { steps: 20, stepsPerLevel: 40, stepSize: 1 },
    euler_ancestral: { steps: 100 },
    rk45: {},
  };

  test.each(cases)("%s gives both modes their weight, and comes as near as other draws do", async (kind) => {
    const generator = new Generator(3);
    const noise = () => generator.normal([n, 2]);
    const spec = { kind, steps: 50, ...specs[kind], ...(kind === "rk45" && { steps: 2 }) };
    const end = await walk(spec, { denoiser: mixture.denoiser, x: noise(), noise });
    const share = leftShare(end);
    // Five standard errors of a share of 1/4, and 0.01 for the steps' own error.
    expect(Math.abs(share - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / n) + 0.01);
    const truth = mixture.sample(n, new Generator(11));
    const other = [12, 13, 14].map((seed) => slicedDistance(truth, mixture.sample(n, new Generator(seed))));
    // Twice the largest distance of true draws from one another, and 0.03 for the steps' own error.
    expect(slicedDistance(truth, end)).toBeLessThan(2 * Math.max(...other) + 0.03);
  });
});

const column = (x: NDArray, direction: readonly [number, number]): number[] =>
  x.split().map(({ data: [a = 0, b = 0] }) => a * direction[0] + b * direction[1]);
const leftShare = (x: NDArray): number =>
  column(x, [1, 0]).filter((value) => value < 0).length / x.split().length;

/** The mean over 16 directions of the distance between sorted projections (Rabin et al. 2012). */
const slicedDistance = (a: NDArray, b: NDArray): number => {
  const angles = Array.from({ length: 16 }, (_, k) => (Math.PI * k) / 16);
  const each = angles.map((angle) => {
    const direction = [Math.cos(angle), Math.sin(angle)] as const;
    const [p, q] = [a, b].map((x) => column(x, direction).sort((u, v) => u - v)) as [number[], number[]];
    return p.reduce((sum, value, i) => sum + Math.abs(value - (q[i] as number)), 0) / p.length;
  });
  return each.reduce((sum, value) => sum + value, 0) / each.length;
};

describe("every kind", () => {
  const shape = [1, 3, 4];
  /** An untrained network: smooth, bounded and wrong. */
  const untrained = networkDenoiser(async (x, t) => x.map((value) => Math.sin(2 * value + t / 200)));

  test.each(samplerKinds)(
    "%s: image k of a batch is that of seed + k alone, twice the same",
    async (kind) => {
      const run = async (seed: number, count: number): Promise<NDArray> => {
        const generators = imageGenerators(seed, count);
        const start = initialNoise(generators, shape);
        return walk(
          { kind, steps: kind === "langevin" ? 2 : 6, clip: 1 },
          {
            denoiser: untrained,
            x: start,
            noise: stepNoise(generators, shape),
          },
        );
      };
      const batch = await run(5, 3);
      expect(await run(5, 3)).toEqual(batch);
      if (kind === "rk45") return; // its steps are chosen for the batch as a whole
      for (let k = 0; k < 3; k++) expect(batch.row(k)).toEqual((await run(5 + k, 1)).row(0));
    },
  );

  test.each(samplerKinds)("%s: evaluates as often as it says", async (kind) => {
    for (const steps of [1, 2, 5]) {
      let evaluations = 0;
      const counted: Denoiser = (x, level) => {
        evaluations += 1;
        return untrained(x, level);
      };
      const spec = samplerSchema.parse({ kind, steps, ...(kind === "langevin" && { stepsPerLevel: 3 }) });
      const { sampler, levels } = openSampler(spec, chain);
      const generator = new Generator(0);
      const noise = () => generator.normal([1, ...shape]);
      for await (const _ of sample({ denoiser: counted, sampler, levels, x: noise(), noise }));
      const said = sampler.evaluations(steps);
      if (said !== null) expect(evaluations).toBe(said);
    }
  });

  const spacings = ["trailing", "linspace", "leading"].flatMap((spacing) =>
    [undefined, "karras"].map((sigmas) => ({ spacing, sigmas })),
  );
  test.each(samplerKinds)(
    "%s: is finite with few steps, many timesteps and a network that knows nothing",
    async (kind) => {
      for (const T of [10, 100, 1000, 4000])
        for (const path of spacings)
          for (const steps of [1, 2, 3, 4, 7, 10]) {
            if (T < 50 && (kind === "lcm" || kind === "tcd")) continue;
            const process = diffusionProcess(
              scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2", num_train_timesteps: T }),
            );
            const generator = new Generator(steps);
            const noise = () => generator.normal([1, ...shape]);
            const spec = { kind, steps, clip: 1, ...path, ...(kind === "langevin" && { stepsPerLevel: 2 }) };
            const parsed = samplerSchema.parse(spec);
            const { sampler, levels, limit } = openSampler(parsed, process);
            for await (const { x } of sample({
              denoiser: limit(untrained),
              sampler,
              levels,
              x: noise(),
              noise,
            }))
              expect(x.isFinite()).toBe(true);
          }
    },
  );
});

describe("on every process", () => {
  const processes: Readonly<Record<string, () => NoiseProcess>> = noiseProcesses;
  const cases = Object.keys(processes).flatMap((process) =>
    samplerKinds
      .filter((kind) => truths[kind].some(({ is }) => is === "ode"))
      .filter((kind) => kind !== "pndm") // its middles are timesteps
      .map((kind) => [process, kind] as const),
  );
  const deviationOf = ({ sample }: GaussianMixture): number => sample.length && 0.5;

  test.each(cases)("%s: %s carries noise to Gaussian data", async (name, kind) => {
    const gaussian = gaussianMixture([{ weight: 1, mean: [0], deviation: 0.5 }]);
    const process = (processes[name] as () => NoiseProcess)();
    const frame = name === "rectified_flow" && (kind === "euler" || kind === "heun") ? { frame: "flow" } : {};
    const spaced = name === "rectified_flow" ? {} : { sigmas: "karras" };
    const ode = truths[kind].find(({ is }) => is === "ode") as Extract<Truth, { is: "ode" }>;
    const spec = samplerSchema.parse({
      ...ode.spec,
      kind,
      steps: kind === "rk45" ? 2 : 60,
      spacing: "linspace",
      clip: null,
      ...spaced,
      ...frame,
    });
    const { levels } = openSampler(spec, process);
    const { alpha, sigma } = levels[0] as Level;
    const x = NDArray.of([Math.hypot(alpha * 0.5, sigma)], [1, 1]);
    const end = await walk({ ...spec }, { process, denoiser: gaussian.denoiser, x, noise: refuse });
    expect(Math.abs(end.item() - deviationOf(gaussian))).toBeLessThan(0.05);
  });
});
