import { expect, test } from "vitest";
import { imageGenerators, NDArray, NonFiniteError } from "../../src/base/index.ts";
import {
  clipped,
  type Denoiser,
  diffusionProcess,
  type Level,
  networkDenoiser,
  noiseProcesses,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  ancestral,
  ddim,
  edmChurn,
  initialNoise,
  inversionPath,
  pathOf,
  type SampleOptions,
  type Sampler,
  sample,
  stepNoise,
} from "../../src/samplers/index.ts";
import { refuseNoise } from "./walks.ts";

const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2" }));
const levels = pathOf(process, { steps: 5 });
const x = NDArray.of([0.5, -0.5], [2, 1]);
const halve: Denoiser = async (x) => ({ x0: x.mul(0.5) });

const options = { denoiser: halve, sampler: ddim() as Sampler, levels, x, noise: refuseNoise };

const collect = async <M>(options: SampleOptions<M>) => {
  const frames = [];
  for await (const frame of sample(options)) frames.push(frame);
  return frames;
};

/** Evaluates twice a step; its memory counts the steps. */
const twice: Sampler<number> = {
  name: "twice",
  order: 2,
  evaluations: (steps) => 2 * steps,
  init: () => 10,
  async step({ x, from, to, denoise, memory }) {
    const { x0 } = await denoise(x, from);
    return { x: (await denoise(x0, to)).x0.add(memory), denoised: x0, memory: memory + 1 };
  },
};

test("one frame comes after each step, numbered from 0", async () => {
  const frames = await collect(options);
  expect(frames.map(({ index, total }) => [index, total])).toEqual([0, 1, 2, 3, 4].map((i) => [i, 5]));
  expect(frames.at(-1)?.x).toEqual(frames.at(-1)?.denoised);
});

test("a step up adds the noise of the process in place of the sampler's rule", async () => {
  const path = [5, 3, 4, -1].map((t) => process.level(t));
  const told: number[] = [];
  const denoiser: Denoiser = async (x, { t }) => {
    told.push(t);
    return halve(x, process.level(t));
  };
  const noise = NDArray.of([1, -1], [2, 1]);
  const frames = await collect({ ...options, denoiser, levels: path, noise: () => noise });
  expect(told).toEqual([5, 4]);
  expect(frames.length).toBe(3);
  const [below, above] = frames.map(({ x }) => x);
  const beta = process.betas[4] as number;
  expect(above).toEqual(NDArray.combine([Math.sqrt(1 - beta), below as NDArray], [Math.sqrt(beta), noise]));
});

test("a sampler that climbs walks up by its own rule, told the level that each step leads to", async () => {
  const told: number[] = [];
  const denoiser: Denoiser = async (x, level) => {
    told.push(level.t);
    return { x0: x, eps: x };
  };
  const climbing = { ...ddim(), climbs: true };
  const frames = await collect({ ...options, sampler: climbing, denoiser, levels: inversionPath(levels) });
  expect(told).toEqual([199, 399, 599, 799, 999]);
  expect(frames.length).toBe(5);
});

test("EDM's churn adds noise by its formula, in its range alone, S_noise times as much", async () => {
  const ve = noiseProcesses.edm();
  const churn = edmChurn(ve, { churn: 10, least: 0.1, most: 5, noise: 2 });
  for (const [sigma, gamma] of [
    [0.05, 0],
    [1, 0.25],
    [4, 0.25],
    [6, 0],
  ] as const)
    expect(churn(ve.level(sigma), 40).level.sigma).toBeCloseTo(sigma * (1 + gamma), 9);
  expect(churn(ve.level(1), 2).level.sigma).toBeCloseTo(Math.SQRT2, 9);
  const seen: number[] = [];
  const denoiser: Denoiser = async (x) => {
    seen.push(x.data[0] as number);
    return { x0: x };
  };
  const noise = () => NDArray.of([1, 1], [2, 1]);
  const path = [ve.level(1), { ...ve.level(1), sigma: 0.05 }];
  await collect({ ...options, denoiser, levels: path, noise, churn: (from) => churn(from, 40) });
  expect(seen[0]).toBeCloseTo(0.5 + 2 * Math.sqrt(1.25 ** 2 - 1), 6);
});

test("churn takes x up to the level that a step then starts from", async () => {
  const [first, second] = [process.level(500), process.level(400)];
  const hat = process.level(600);
  const seen: Level[] = [];
  const denoiser: Denoiser = async (x, level) => {
    seen.push(level);
    return halve(x, level);
  };
  let draws = 0;
  const noise = () => {
    draws += 1;
    return x;
  };
  const churned = { ...options, denoiser, levels: [first, second], noise };
  await collect({ ...churned, churn: () => ({ level: hat, noise: 1 }) });
  expect([seen, draws]).toEqual([[hat], 1]);
  await collect({ ...churned, churn: (level) => ({ level, noise: 1 }) });
  expect([seen, draws]).toEqual([[hat, first], 1]);
});

test("a sampler's memory passes from step to step, and each run starts afresh", async () => {
  const run = { ...options, sampler: twice, levels: levels.slice(0, 3), x: NDArray.of([4], [1]) };
  for (let again = 0; again < 2; again++) {
    const frames = await collect(run);
    expect(frames.map(({ x }) => x.item())).toEqual([4 / 4 + 10, 11 / 4 + 11]);
  }
});

test("the denoiser is evaluated as often as the sampler says", async () => {
  for (const sampler of [ddim(), ancestral(), twice] as Sampler[]) {
    let evaluations = 0;
    const denoiser: Denoiser = (x, level) => {
      evaluations++;
      return halve(x, level);
    };
    await collect({ ...options, sampler, denoiser, noise: () => x });
    expect(evaluations).toBe(sampler.evaluations(5));
  }
});

test("an aborted signal stops before the next evaluation, within a step too", async () => {
  const controller = new AbortController();
  let evaluations = 0;
  const denoiser: Denoiser = (x, level) => {
    if (++evaluations === 3) controller.abort(new Error("enough"));
    return halve(x, level);
  };
  const run = collect({ ...options, sampler: twice, denoiser, signal: controller.signal });
  await expect(run).rejects.toThrow("enough");
  expect(evaluations).toBe(3);
});

test("a signal aborted beforehand allows no evaluation", async () => {
  const denoiser: Denoiser = async () => expect.fail("evaluated");
  const run = collect({ ...options, denoiser, signal: AbortSignal.abort() });
  await expect(run).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("%f stops the run and names the step", async (value) => {
  const denoiser: Denoiser = async (x, { t }) => ({ x0: t < 700 ? x.mul(value) : x });
  const frames: number[] = [];
  const run = async () => {
    for await (const { index } of sample({ ...options, denoiser })) frames.push(index);
  };
  const error = await run().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NonFiniteError);
  expect((error as Error).message).toContain("ddim, step 3 of 5 (t = 599): expected finite values");
  expect(frames).toEqual([0, 1]);
});

test("project changes x on arrival at each level, the first and the last included", async () => {
  const visited: number[] = [];
  const frames = await collect({
    ...options,
    project(x, { t }) {
      visited.push(t);
      return NDArray.full(x.shape, t);
    },
  });
  expect(visited).toEqual(levels.map(({ t }) => t));
  expect(frames.map(({ x }) => x.data[0])).toEqual(visited.slice(1));
});

test("a path of fewer than two levels is refused", async () => {
  await expect(collect({ ...options, levels: levels.slice(0, 1) })).rejects.toThrow(
    "levels: expected at least two, got 1",
  );
});

test("image k of a batch is the image of seed + k alone, bit for bit", async () => {
  const shape = [1, 4, 4];
  const denoiser = clipped(networkDenoiser(async (x, t) => x.mul(t / (t + 1)).sub(0.1)));
  const generate = async (sampler: Sampler, seed: number, count: number): Promise<NDArray> => {
    const generators = imageGenerators(seed, count);
    const start = initialNoise(generators, shape);
    const noise = stepNoise(generators, shape);
    const frames = await collect({ ...options, denoiser, sampler, x: start, noise });
    return frames.at(-1)?.x as NDArray;
  };
  for (const sampler of [ddim(), ddim({ eta: 1 }), ancestral()]) {
    const batch = await generate(sampler, 20, 3);
    for (let k = 0; k < 3; k++) expect(batch.row(k)).toEqual((await generate(sampler, 20 + k, 1)).row(0));
    expect(batch.row(0)).not.toEqual(batch.row(1));
  }
});
