import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  type Level,
  qSample,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  ancestral,
  openSampler,
  pathOf,
  readScheduler,
  sample,
  spacedTimesteps,
} from "../../src/samplers/index.ts";
import {
  caseNamed,
  expectCase,
  imageShape,
  LAST_STEPS,
  processOf,
  runCase,
  SUM,
  startNoise,
  startSample,
} from "./diffusers-cases.ts";
import { refuseNoise } from "./walks.ts";

/** The steps of a thousand whose sums the fixture keeps. */
const TRACED = [
  ...[0, 1, 500].map((step) => ({ step, tolerance: SUM })),
  ...[998, 999].map((step) => ({ step, tolerance: LAST_STEPS })),
];
const LAST_TWO = [0, 1].map((step) => ({ step, tolerance: LAST_STEPS }));

const noNoise = () => NDArray.zeros(imageShape);
const torchNoise = () => {
  const generator = new Generator(0);
  return () => generator.normal(imageShape);
};

test.each([
  ["DDPM full_loop_no_noise (torch RNG seed0)", torchNoise()],
  ["DDPM v_prediction (torch RNG)", torchNoise()],
  ["DDPM ZERO-noise eps", noNoise],
  ["DDPM ZERO-noise v", noNoise],
  ["DDPM ZERO-noise sample", noNoise],
])("all timesteps agree with diffusers: %s", async (name, noise) => {
  const golden = caseNamed(name);
  const process = processOf(golden);
  const timesteps = spacedTimesteps("leading", { steps: process.steps, trained: process.steps });
  const levels = pathOf(process, { spacing: timesteps });
  expectCase(golden, await runCase(golden, { sampler: ancestral(), levels, noise }), TRACED);
});

test("the last timesteps of a noised image agree with diffusers", async () => {
  const golden = caseNamed("DDPM with_noise t_start=998 (torch RNG)");
  const process = processOf(golden);
  const x = qSample(startSample, startNoise, process.level(1));
  const levels = pathOf(process, { spacing: [1, 0] });
  expectCase(
    golden,
    await runCase(golden, { sampler: ancestral(), levels, x, noise: torchNoise() }),
    LAST_TWO,
  );
});

/** x is stored in float32, and a step rounds three times. */
const FLOAT32 = 1e-6;

const process = diffusionProcess(scheduleSchema.parse({}));
const number = (value: number) => NDArray.of([value], [1]);

/** The factors of x and of the noise in one step, which for a linear denoiser is all there is to it. */
const factors = async (
  variance: "fixed_small" | "fixed_large",
  denoise: Denoiser,
  from: Level,
  to: Level,
) => {
  const step = async (x: number, noise: number) => {
    const args = { x: number(x), from, to, denoise, noise: () => number(noise), memory: undefined };
    return (await ancestral({ variance }).step(args)).x.item();
  };
  return [await step(1, 0), await step(0, 1)] as const;
};

for (const steps of [1000, 7]) {
  const path = pathOf(process, { spacing: "trailing", steps });

  test(`with data at one point, fixed_small keeps the forward process's variances in ${steps} steps`, async () => {
    const atZero: Denoiser = async (x) => ({ x0: x.mul(0) });
    for (const [i, to] of path.slice(1).entries()) {
      const from = path[i] as Level;
      const [a, b] = await factors("fixed_small", atZero, from, to);
      const variance = a ** 2 * from.sigma ** 2 + b ** 2 * Number(to.sigma !== 0);
      expect(Math.abs(variance - to.sigma ** 2)).toBeLessThanOrEqual(FLOAT32 * to.sigma ** 2);
    }
  });

  test(`with standard normal data, fixed_large keeps variance 1 in ${steps} steps`, async () => {
    const normal: Denoiser = async (x, { alpha }) => ({ x0: x.mul(alpha) });
    for (const [i, to] of path.slice(1, -1).entries()) {
      const [a, b] = await factors("fixed_large", normal, path[i] as Level, to);
      expect(Math.abs(a ** 2 + b ** 2 - 1)).toBeLessThanOrEqual(FLOAT32);
    }
  });
}

test("the last step draws no noise, whatever the variance", async () => {
  for (const variance of ["fixed_small", "fixed_large"] as const) {
    const run = sample({
      denoiser: async (x) => ({ x0: x }),
      sampler: ancestral({ variance }),
      levels: [process.level(0), process.level(-1)],
      x: number(0.5),
      noise: refuseNoise,
    });
    for await (const { x, denoised } of run) expect(x.item()).toBe(denoised.item());
  }
});

test("all timesteps agree with diffusers' UnCLIPScheduler, from its configuration", async () => {
  const golden = caseNamed("UnCLIP full (torch RNG)");
  const { process, sampler: spec } = readScheduler({ _class_name: "UnCLIPScheduler" }, 1000);
  const { sampler, levels } = openSampler(spec, process);
  // Its first β is 4e-5: 1 − ᾱ in float32 is wrong by up to 1.4e-3 of that, and it divides one by the other.
  const traced = TRACED.map((step) => (step.tolerance === LAST_STEPS ? { ...step, tolerance: 1e-3 } : step));
  expectCase(golden, await runCase(golden, { sampler, levels, noise: torchNoise() }), traced);
});
