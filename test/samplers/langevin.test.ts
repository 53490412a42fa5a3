import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, gaussianMixture, type Level } from "../../src/diffusion/index.ts";
import { langevin, sample, samplerSchema } from "../../src/samplers/index.ts";

/** NCSN's process, where α = 1, in three of its levels. */
const levels: readonly Level[] = [1, 0.1, 0.01].map((sigma) => ({ alpha: 1, sigma, t: sigma }));
const { denoiser } = gaussianMixture([{ weight: 1, mean: [0.5], deviation: 0.3 }]);
const score = (x: number, sigma: number): number => (0.5 - x) / (0.3 ** 2 + sigma ** 2);
const one = (value: number): NDArray => NDArray.of([value], [1, 1]);

const run = async (options: object, path = [...levels, CLEAN]): Promise<number[]> => {
  let draws = 0;
  const noise = () => one(Math.cos(draws++));
  const states: number[] = [];
  for await (const { x } of sample({ denoiser, sampler: langevin(options), levels: path, x: one(2), noise }))
    states.push(x.item());
  return states;
};

/** The algorithm as it stands in the paper, with its ε = 2e-5. */
const annealed = (stepsPerLevel: number): number[] => {
  let [x, draws] = [2, 0];
  return [1, 0.1, 0.01].map((sigma) => {
    const size = (2e-5 * sigma ** 2) / 0.01 ** 2;
    for (let i = 0; i < stepsPerLevel; i++)
      x += (size / 2) * score(x, sigma) + Math.sqrt(size) * Math.cos(draws++);
    return x;
  });
};

test("steps are those of the paper, whose ε is the default", async () => {
  const states = await run({ stepsPerLevel: 4, denoiseLast: false });
  for (const [k, want] of annealed(4).entries()) expect(states[k]).toBeCloseTo(want, 6);
});

test("the last denoising is the estimate of x0, for an evaluation more", async () => {
  const states = await run({ stepsPerLevel: 4 });
  const [x] = annealed(4).slice(-1) as [number];
  expect(states.at(-1)).toBeCloseTo(x + 0.01 ** 2 * score(x, 0.01), 6);
  expect(langevin({ stepsPerLevel: 4 }).evaluations(3)).toBe(13);
  expect(langevin({ stepsPerLevel: 4, denoiseLast: false }).evaluations(3)).toBe(12);
});

test("a path that ends where noise is left is not denoised", async () => {
  const states = await run({ stepsPerLevel: 4 }, [...levels]);
  expect(states[1]).toBeCloseTo(annealed(4)[1] as number, 6);
});

test("between levels x keeps its signal, and goes on where there was none", async () => {
  const sampler = langevin({ stepsPerLevel: 1 });
  const rest = {
    denoise: async (x: NDArray) => ({ x0: x, eps: x.mul(0) }),
    noise: () => one(0),
    memory: undefined,
  };
  const to = { alpha: 0.6, sigma: 0.8, t: 1 };
  for (const [alpha, factor] of [
    [0.3, 2],
    [0, 1],
  ] as const) {
    const { x } = await sampler.step({ x: one(2), from: { alpha, sigma: 1 - alpha, t: 2 }, to, ...rest });
    expect(x.item()).toBeCloseTo(2 * factor, 6);
  }
});

test("the estimate that a step reports is of x0, not x", async () => {
  const sampler = langevin({ stepsPerLevel: 1 });
  const [from, to] = levels as [Level, Level];
  const { denoised } = await sampler.step({
    x: one(2),
    from,
    to,
    denoise: denoiser,
    noise: () => one(0),
    memory: undefined,
  });
  expect(denoised).toEqual((await denoiser(one(2), from)).x0);
});

test("sizes at which it diverges are refused", () => {
  expect(samplerSchema.safeParse({ kind: "langevin", stepSize: 4 }).success).toBe(false);
});
