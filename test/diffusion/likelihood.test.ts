import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  asPixelBits,
  dequantised,
  diffusionProcess,
  gaussianMixture,
  likelihood,
  type NoiseProcess,
  noiseProcesses,
  normalMass,
  scheduleSchema,
} from "../../src/diffusion/index.ts";

const processes: Readonly<Record<string, NoiseProcess>> = {
  ...Object.fromEntries(Object.entries(noiseProcesses).map(([name, open]) => [name, open()])),
  linear: diffusionProcess(scheduleSchema.parse({})),
};
const densities = {
  gaussian: gaussianMixture([{ weight: 1, mean: [0.2, -0.1, 0.3], deviation: 0.5 }]),
  mixture: gaussianMixture([
    { weight: 1, mean: [-0.5, 0.2], deviation: 0.2 },
    { weight: 3, mean: [0.5, -0.3], deviation: 0.3 },
  ]),
};

/** What the proof allows, in bits per dimension. */
const BITS = 1e-3;

const cases = Object.keys(processes).flatMap((process) =>
  (Object.keys(densities) as (keyof typeof densities)[]).map((density) => [process, density] as const),
);

test.each(cases)("of points under %s it is the density at the cleanest level: %s", async (name, density) => {
  const process = processes[name] as NoiseProcess;
  const { denoiser, sample, logDensity } = densities[density];
  const cleanest = process.level(process.span[0]);
  const x = sample(16, new Generator(0));
  const { bitsPerDimension, ...found } = await likelihood(x, { denoiser, process, trace: { kind: "exact" } });
  const d = x.size / 16;
  const want = logDensity(x, cleanest).reduce((sum, value) => sum - value, 0) / (16 * d * Math.LN2);
  expect(Math.abs(bitsPerDimension - want)).toBeLessThan(BITS);
  expect(found.evaluations).toBeGreaterThan(20);
});

test("random signs estimate the divergence without bias", async () => {
  const process = processes.vp as NoiseProcess;
  const { denoiser, sample, logDensity } = densities.mixture;
  const x = sample(400, new Generator(0));
  const generator = new Generator(1);
  const { logDensity: found } = await likelihood(x, {
    denoiser,
    process,
    trace: { kind: "hutchinson", generator },
  });
  const want = logDensity(x, process.level(process.span[0]));
  const apart = found.map((value, k) => value - (want[k] as number));
  const mean = apart.reduce((sum, value) => sum + value, 0) / 400;
  const error = Math.sqrt(apart.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / 400;
  expect(error).toBeGreaterThan(0);
  expect(Math.abs(mean)).toBeLessThan(4 * error);
});

test("more probes make the estimate surer", async () => {
  const process = processes.vp as NoiseProcess;
  const { denoiser, sample, logDensity } = densities.mixture;
  const x = sample(200, new Generator(0));
  const want = logDensity(x, process.level(process.span[0]));
  const spreadOf = async (probes: number) => {
    const trace = { kind: "hutchinson", generator: new Generator(1), probes } as const;
    const { logDensity: found } = await likelihood(x, { denoiser, process, trace });
    return Math.sqrt(found.reduce((sum, value, k) => sum + (value - (want[k] as number)) ** 2, 0) / 200);
  };
  // 1 / √9 of one's, with room for what a spread over 200 samples may itself be off.
  expect((await spreadOf(9)) / (await spreadOf(1))).toBeLessThan(0.45);
  await expect(spreadOf(0)).rejects.toThrow("probes: expected a whole number of 1 or more, got 0");
});

test("taken from noise to data, the bits would be other ones", async () => {
  const { level, levelAt, span } = processes.vp as NoiseProcess;
  const { denoiser, sample, logDensity } = densities.gaussian;
  const x = sample(16, new Generator(0));
  const backwards: NoiseProcess = { level, levelAt, span: [span[1], span[0]] };
  const run = await likelihood(x, { denoiser, process: backwards, trace: { kind: "exact" } });
  const want = logDensity(x, level(span[0])).reduce((sum, value) => sum - value, 0) / (x.size * Math.LN2);
  expect(Math.abs(run.bitsPerDimension - want)).toBeGreaterThan(1);
});

test("8-bit values have the bits of the probability of their cells", async () => {
  const [m, s, n, d] = [0.1, 0.3, 300, 3];
  const data = gaussianMixture([{ weight: 1, mean: [m, m, m], deviation: s }]);
  const process = processes.vp as NoiseProcess;
  const pixels = data
    .sample(n, new Generator(4))
    .map((x) => Math.floor(Math.min(Math.max((x + 1) * 128, 0), 255)));
  const points = dequantised(pixels, new Generator(5));
  const { bitsPerDimension, standardError } = await likelihood(points, {
    denoiser: data.denoiser,
    process,
    trace: { kind: "exact" },
  });
  const { alpha, sigma } = process.level(process.span[0]);
  const placed = (value: number) => (value / 128 - 1 - alpha * m) / Math.hypot(alpha * s, sigma);
  const want =
    -Array.from(pixels.data).reduce(
      (sum, value) => sum + Math.log2(normalMass(placed(value), placed(value + 1))),
      0,
    ) /
    (n * d);
  // Over a cell the density hardly changes: 8e-3 nats, at random, for each of 900 values.
  expect(Math.abs(asPixelBits(bitsPerDimension) - want)).toBeLessThan(BITS);
  expect(standardError).toBeGreaterThan(10 * BITS);
});

test("a denoiser without pullback is refused", async () => {
  const run = likelihood(NDArray.of([1], [1, 1]), {
    denoiser: async (x) => ({ x0: x }),
    process: processes.vp as NoiseProcess,
    trace: { kind: "exact" },
  });
  await expect(run).rejects.toThrow("expected a denoiser with a pullback");
});

test("dequantised grey values fill [-1, 1), and bits are counted for values", () => {
  const points = dequantised(NDArray.of([0, 128, 255], [3], "uint8"), new Generator(0));
  const low = [-1, 0, 127 / 128];
  for (const [i, x] of points.data.entries()) {
    expect(x).toBeGreaterThanOrEqual(low[i] as number);
    expect(x).toBeLessThan((low[i] as number) + 1 / 128);
  }
  // Uniform over [-1, 1): one bit of density a dimension, eight of values.
  expect(asPixelBits(1)).toBe(8);
});
