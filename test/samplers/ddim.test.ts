import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  clipped,
  type Denoiser,
  diffusionProcess,
  type Level,
  networkDenoiser,
  noiseProcesses,
  qSample,
  scheduleSchema,
  x0ToEps,
} from "../../src/diffusion/index.ts";
import {
  ancestral,
  ddim,
  ddimInversion,
  openSampler,
  pathOf,
  readScheduler,
  type Sampler,
  type SamplerSpec,
  sample,
  samplerSchema,
  spacedTimesteps,
} from "../../src/samplers/index.ts";
import { caseNamed, expectCase, processOf, runCase, startNoise, startSample } from "./diffusers-cases.ts";
import { refuseNoise } from "./walks.ts";

test.each([
  "DDIM eps",
  "DDIM v",
  "DDIM sample-pred",
  "DDIM trailing",
  "DDIM cosine",
  "DDIM set_alpha_to_one beta_start=.01",
  "DDIM no set_alpha_to_one beta_start=.01",
])("ten steps agree with diffusers: %s", async (name) => {
  const golden = caseNamed(name);
  const process = processOf(golden);
  const { timestep_spacing = "leading", set_alpha_to_one = true } = golden.cfg;
  const timesteps = spacedTimesteps(timestep_spacing, { steps: 10, trained: process.steps });
  expect(timesteps).toEqual(golden.timesteps);
  const levels = pathOf(process, { spacing: timesteps, final: set_alpha_to_one ? "clean" : "least" });
  expectCase(golden, await runCase(golden, { sampler: ddim(), levels }));
});

test("the last two of ten steps of a noised image agree with diffusers", async () => {
  const golden = caseNamed("DDIM with_noise t_start=8");
  const process = processOf(golden);
  const x = qSample(startSample, startNoise, process.level(100));
  const levels = pathOf(process, { spacing: [100, 0] });
  expectCase(golden, await runCase(golden, { sampler: ddim(), levels, x }));
});

describe("linspace timesteps, whose distances are not diffusers' strides of T // n,", () => {
  const golden = caseNamed("DDIM linspace");
  const { sampler: spec, process } = readScheduler({ _class_name: "DDIMScheduler", ...golden.cfg }, 10);

  test("agree with diffusers as its configuration is read", async () => {
    const { sampler, levels } = openSampler(spec, process);
    const states = await runCase(golden, { sampler, levels });
    expectCase(golden, states);
    expect(Math.abs((states.at(-1) as NDArray).abs().sum().item() - 191.254)).toBeLessThan(1e-2);
  });

  test("go to the next timestep without strides", async () => {
    const { sampler, levels } = openSampler({ ...spec, strides: undefined } as SamplerSpec, process);
    const states = await runCase(golden, { sampler, levels });
    const [first, second] = levels as [Level, Level];
    const [x] = await runCase(golden, { sampler: ddim(), levels: [first, second] });
    expect(states[0]).toEqual(x);
    expect(Math.abs((states.at(-1) as NDArray).abs().sum().item() - 191.254)).toBeGreaterThan(0.1);
  });

  test("have no strides where there are none", () => {
    const open = () => openSampler(samplerSchema.parse({ kind: "ddim", strides: true }), noiseProcesses.vp());
    expect(open).toThrow("strides: expected a process of trained timesteps, got one in continuous time");
  });
});

test.each(["DDIMInverse eps", "DDIMInverse v", "DDIMInverse alpha_one"])(
  "a path up the levels agrees with diffusers' inversion: %s",
  async (name) => {
    const golden = caseNamed(name);
    const process = processOf(golden);
    // The model is told the timestep that a step leads to.
    const levels = golden.timesteps.map((t) => ({ ...process.level(Math.max(-1, t - 100)), t }));
    const path = [...levels, process.level(900)];
    expectCase(golden, await runCase(golden, { sampler: ddimInversion(), levels: path }));
  },
);

const process = diffusionProcess(scheduleSchema.parse({}));
const number = (value: number) => NDArray.of([value], [1]);

test.each([
  [420, 400, 0.14771],
  [980, 960, 0.3246],
  [487, 486, 0.00979],
  [999, 998, 0.02],
  [0, 0, 0],
])("eta 1 from t = %i to %i adds noise of variance %f", async (t, s, variance) => {
  const args = {
    x: number(0),
    from: process.level(t),
    to: process.level(s),
    denoise: async () => ({ x0: number(0) }),
    memory: undefined,
  };
  for (const eta of [0.5, 1]) {
    const { x } = await ddim({ eta }).step({ ...args, noise: () => number(1) });
    expect(Math.abs(x.item() ** 2 - eta ** 2 * variance)).toBeLessThan(1e-5); // as diffusers' own test
  }
});

const last = async (sampler: Sampler, levels: readonly Level[], denoiser: Denoiser, x: NDArray, seed = 0) => {
  const generator = new Generator(seed);
  let end = x;
  for await (const frame of sample({ sampler, levels, denoiser, x, noise: () => generator.normal(x.shape) }))
    end = frame.x;
  return end;
};

/** Rounding of 1,000 steps that each round to float32 a few times. */
const ROUNDED = 2e-5;

test("eta 1 is ancestral sampling", async () => {
  const x = new Generator(1).normal([2, 5]);
  const denoiser: Denoiser = async (x, { alpha }) => ({ x0: x.mul(alpha).mul(0.3) });
  const levels = pathOf(process, { spacing: "trailing", steps: 20 });
  const a = await last(ddim({ eta: 1 }), levels, denoiser, x);
  const b = await last(ancestral(), levels, denoiser, x);
  for (const [i, value] of a.data.entries())
    expect(Math.abs(value - (b.data[i] as number))).toBeLessThan(ROUNDED);
});

/** E[x0 | x] of data N(0, s²). */
const gaussian =
  (s: number): Denoiser =>
  async (x, { alpha, sigma }) => ({ x0: x.mul((alpha * s ** 2) / (alpha ** 2 * s ** 2 + sigma ** 2)) });

/** How far the standard deviation of samples is from that of Gaussian data after this many steps. */
const gaussianError = async (steps: number): Promise<number> => {
  const s = 0.5;
  const levels = pathOf(process, { spacing: "trailing", steps });
  const { alpha, sigma } = levels[0] as Level;
  const start = number(Math.hypot(alpha * s, sigma));
  return Math.abs((await last(ddim(), levels, gaussian(s), start)).item() - s);
};

test("the standard deviation of Gaussian data is reached, with an error of first order", async () => {
  const [coarse, fine] = [await gaussianError(100), await gaussianError(200)];
  expect(Math.abs(Math.log2(coarse / fine) - ddim().order)).toBeLessThan(0.2); // asymptotic only
});

test("without noise nothing is drawn, and eps follows from x0 where the denoiser keeps none", async () => {
  const [from, to] = [process.level(600), process.level(200)];
  const args = { x: number(0.7), from, to, noise: refuseNoise, memory: undefined };
  const { x } = await ddim().step({ ...args, denoise: async () => ({ x0: number(0.2) }) });
  expect(x.item()).toBeCloseTo(to.alpha * 0.2 + (to.sigma * (0.7 - from.alpha * 0.2)) / from.sigma, 6);
});

test("the denoiser's own eps is kept", async () => {
  const [from, to] = [process.level(600), process.level(200)];
  const args = { x: number(0.7), from, to, noise: refuseNoise, memory: undefined };
  const { x } = await ddim().step({ ...args, denoise: async () => ({ x0: number(0.2), eps: number(-3) }) });
  expect(x.item()).toBeCloseTo(to.alpha * 0.2 - to.sigma * 3, 6);
});

test("a step from a clipped x0 adds no noise that x does not hold", async () => {
  // Near pure noise a small error of the network makes an x0 of hundreds, which clipping cuts to 1.
  const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2" }));
  const [from, to] = [process.level(999), process.level(979)];
  const x = new Generator(0).normal([64]);
  const network = networkDenoiser(async (noisy) => noisy.mul(0.97));
  const ends = async (keepEps: boolean) => {
    const denoise = clipped(network, { keepEps });
    const noise = () => x;
    return ddim().step({ x, from, to, denoise, noise, memory: undefined });
  };
  const { x: end, denoised } = await ends(false);
  expect(Math.max(...denoised.abs().data)).toBe(1);
  const eps = x0ToEps(x, denoised, from);
  const expected = qSample(denoised, eps, to);
  expect(Math.max(...end.sub(expected).abs().data)).toBeLessThan(1e-6);
  expect(Math.max(...(await ends(true)).x.sub(expected).abs().data)).toBeGreaterThan(0.03);
});
