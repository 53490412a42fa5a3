import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  CLEAN,
  diffusionProcess,
  gaussianMixture,
  type Level,
  networkDenoiser,
  noiseProcesses,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  corrected,
  ddim,
  openSampler,
  pathOf,
  predictorCorrector,
  readScheduler,
  sample,
  writeScheduler,
} from "../../src/samplers/index.ts";
import { caseNamed, expectCase, imageShape, model, SUM, startSample } from "./diffusers-cases.ts";

test("three steps agree with diffusers' ScoreSdeVeScheduler", async () => {
  const golden = caseNamed("ScoreSdeVe 3 steps (torch RNG)");
  // Its levels: from 1348 to 0.01 in equal ratios; the model, which says the score, is told
  // the noise of the first three of 2,000 timesteps.
  const sigmas = [1, 0.5, 0].map((time) => 0.01 * (1348 / 0.01) ** time);
  const told = [0, 1, 2].map((k) => 0.01 * (1348 / 0.01) ** (1 - (k * (1 - 1e-5)) / 1999));
  const levels = [...sigmas.map((sigma, k) => ({ alpha: 1, sigma, t: told[k] as number })), CLEAN];
  const generator = new Generator(0);
  const states: NDArray[] = [];
  for await (const { x } of sample({
    denoiser: networkDenoiser(async (x, t) => model(x, t), { prediction: "score" }),
    sampler: predictorCorrector({ snr: 0.15, norms: "batch" }),
    levels,
    x: startSample,
    noise: () => generator.normal(imageShape),
  }))
    states.push(x);
  expectCase(
    golden,
    states,
    [0, 1, 2].map((step) => ({ step, tolerance: SUM })),
  );
});

test("five steps from a configuration agree with diffusers' ScoreSdeVeScheduler, run as its pipeline runs it", async () => {
  const config = { _class_name: "ScoreSdeVeScheduler", snr: 0.17, sigma_max: 100, correct_steps: 2 };
  const { process, prediction, sampler: spec } = readScheduler(config, 5);
  const { sampler, levels } = openSampler(spec, process);
  const shape = [2, 3, 4, 4];
  const generator = new Generator(0);
  const score = async (x: NDArray, sigma: number) =>
    x.mul((-1 / (sigma ** 2 + 0.25)) * (1 + 0.1 * Math.sin(sigma)));
  const sums: number[] = [];
  for await (const { x } of sample({
    denoiser: networkDenoiser(score, { prediction }),
    sampler,
    levels,
    x: NDArray.of(
      Array.from({ length: 96 }, (_, i) => 100 * Math.sin(i + 1)),
      shape,
    ),
    noise: () => generator.normal(shape),
  }))
    sums.push(x.abs().sum().item());
  const golden = [6763.19921875, 877.38720703125, 145.69749450683594, 140.90528869628906, 139.67787170410156];
  for (const [k, want] of golden.entries())
    expect(Math.abs((sums[k] as number) / want - 1)).toBeLessThan(SUM);
  const again = readScheduler(writeScheduler({ process, prediction, sampler: spec }), 5);
  expect(again.sampler).toEqual(spec);
  for (const time of [0, 0.3, 1]) {
    const [from, to] = [process, again.process].map((each) => each.level(time));
    expect(to?.sigma).toBeCloseTo(from?.sigma ?? Number.NaN, 10);
    expect(to?.t).toBeCloseTo(from?.t ?? Number.NaN, 10);
  }
});

const mixture = gaussianMixture([
  { weight: 1, mean: [-1, 0], deviation: 0.2 },
  { weight: 3, mean: [1, 0.5], deviation: 0.3 },
]);

/** Draws by few steps, far from what they should be without correction. */
const draws = async (correctorSteps: number | null): Promise<NDArray> => {
  const process = noiseProcesses.ve();
  const levels = pathOf(process, { steps: 20, sigmas: "exponential", spacing: "linspace" });
  const generator = new Generator(0);
  const noise = () => generator.normal([2000, 2]);
  const sampler =
    correctorSteps === null ? ddim({ eta: 1 }) : predictorCorrector({ correctorSteps, norms: "batch" });
  let end = noise().mul((levels[0] as Level).sigma);
  for await (const { x } of sample({ denoiser: mixture.denoiser, sampler, levels, x: end, noise })) end = x;
  return end;
};

/** The mean of −ln p, nats: low where draws are where the data are. */
const surprise = (x: NDArray): number =>
  mixture.logDensity(x, { alpha: 1, sigma: 0.01, t: 0 }).reduce((sum, value) => sum - value, 0) / 2000;

test("correction brings the draws of few steps nearer to the data", async () => {
  const truth = surprise(mixture.sample(2000, new Generator(9)));
  const [plain, corrected] = [surprise(await draws(null)), surprise(await draws(3))];
  expect(Math.abs(corrected - truth)).toBeLessThan(Math.abs(plain - truth));
});

test("a sample's correction is what it is alone, unless sizes are the batch's", async () => {
  const process = diffusionProcess(scheduleSchema.parse({}));
  const [from, to] = [process.level(500), process.level(400)];
  const x = new Generator(0).normal([3, 4]);
  const z = new Generator(1).normal([3, 4]);
  const run = async (norms: "sample" | "batch", rows: readonly [number, number]) => {
    const args = { from, to, memory: undefined, x: x.rows(...rows), noise: () => z.rows(...rows) };
    const denoise = async (x: NDArray) => ({ x0: x.mul(0.2) });
    return (await predictorCorrector({ norms }).step({ ...args, denoise })).x;
  };
  expect((await run("sample", [0, 3])).rows(1, 2)).toEqual(await run("sample", [1, 2]));
  expect((await run("batch", [0, 3])).rows(1, 2)).not.toEqual(await run("batch", [1, 2]));
});

test("evaluations are the predictor's and the correctors'", () => {
  expect(corrected(ddim(), { correctorSteps: 2 }).evaluations(10)).toBe(30);
});
