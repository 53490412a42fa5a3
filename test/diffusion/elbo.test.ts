import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type DiffusionProcess,
  diffusionProcess,
  elbo,
  gaussianMixture,
  hierarchicalElbo,
  normalKl,
  posterior,
  posteriorVariance,
  type ReverseVariance,
  reverseVariance,
  scheduleSchema,
} from "../../src/diffusion/index.ts";

const [m, s] = [0.3, 0.4];
const data = gaussianMixture([{ weight: 1, mean: [m, m], deviation: s }]);
const chain = (T: number): DiffusionProcess =>
  diffusionProcess(
    scheduleSchema.parse({ num_train_timesteps: T, beta_start: 1 / T, beta_end: Math.min(0.9, 20 / T) }),
  );

/** What the bound is in expectation over N(m, s²), bits per dimension: every distance is a Gaussian's. */
const closedForm = (process: DiffusionProcess, rule: "fixed_small" | "fixed_large"): number => {
  const last = process.level(process.steps - 1);
  const second = m ** 2 + s ** 2;
  let nats = 0.5 * (last.sigma ** 2 - 1 - Math.log(last.sigma ** 2) + last.alpha ** 2 * second);
  for (let t = process.steps - 1; t >= 0; t--) {
    const [from, to] = [process.level(t), process.level(t - 1)];
    // Var[x0 | x_t] is the squared error of the best estimate.
    const left = 1 / (1 / s ** 2 + (from.alpha / from.sigma) ** 2);
    const one = NDArray.of([1]);
    const towardsX0 = posterior(NDArray.of([0]), one, from, to).mean.item();
    const stands = t === 0 && rule === "fixed_small";
    const variance = stands
      ? posteriorVariance(process.level(1), process.level(0))
      : (reverseVariance(rule, from, to) as number);
    nats +=
      t === 0
        ? 0.5 * (Math.log(2 * Math.PI * variance) + left / variance)
        : normalKl(0, posteriorVariance(from, to), variance) + (towardsX0 ** 2 * left) / (2 * variance);
  }
  return nats / Math.LN2;
};

const options = (process: DiffusionProcess, variance: ReverseVariance = "fixed_small", seed = 1) => ({
  denoiser: data.denoiser,
  process,
  variance,
  generator: new Generator(seed),
  decoder: { kind: "continuous" } as const,
});

/** Standard errors that a mean over draws may be off. */
const ERRORS = 4;

test.each(["fixed_small", "fixed_large"] as const)(
  "on Gaussian data it is its closed form, %s",
  async (rule) => {
    const process = chain(50);
    const x0 = data.sample(4000, new Generator(0));
    const bound = await elbo(x0, options(process, rule));
    expect(Math.abs(bound.total - closedForm(process, rule))).toBeLessThan(ERRORS * bound.standardError);
    expect(bound.standardError).toBeLessThan(0.03);
  },
);

test("it is the sum of its terms", async () => {
  const process = chain(20);
  const bound = await elbo(data.sample(64, new Generator(0)), options(process));
  const sum = bound.prior + bound.terms.reduce((total, term) => total + term, 0);
  expect(bound.total).toBeCloseTo(sum, 10);
  expect(bound.reconstruction).toBe(bound.terms[0]);
});

test("the hierarchical VAE's bound is the same number", async () => {
  const process = chain(20);
  const x0 = data.sample(4000, new Generator(0));
  const each = await hierarchicalElbo(x0, options(process, "fixed_large", 2));
  const mean = each.reduce((sum, value) => sum + value, 0) / each.length;
  const spread = Math.sqrt(each.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / each.length;
  expect(Math.abs(mean - closedForm(process, "fixed_large"))).toBeLessThan(ERRORS * spread);
});

test("more steps tighten it towards the entropy of the data, which it never falls below", async () => {
  const entropy = Math.log2(s * Math.sqrt(2 * Math.PI * Math.E));
  const gaps = [10, 100, 1000].map((T) => closedForm(chain(T), "fixed_large") - entropy);
  expect(gaps.every((gap) => gap > 0)).toBe(true);
  expect(gaps[1]).toBeLessThan(gaps[0] as number);
  expect(gaps[2]).toBeLessThan(gaps[1] as number);
});

test("grey values are integrated over their width", async () => {
  const process = chain(100);
  const narrow = gaussianMixture([{ weight: 1, mean: [0, 0], deviation: 0.2 }]);
  const points = narrow.sample(500, new Generator(3)).map((x) => Math.round(x * 127.5) / 127.5);
  const run = (decoder: { kind: "discretised"; levels: number } | { kind: "continuous" }) =>
    elbo(points, { ...options(process, "fixed_large"), denoiser: narrow.denoiser, decoder });
  const [grey, density] = [
    await run({ kind: "discretised", levels: 256 }),
    await run({ kind: "continuous" }),
  ];
  // A density times the width of a value is its probability, where the density is as good as constant over it.
  expect(Math.abs(grey.total - (density.total + Math.log2(127.5)))).toBeLessThan(0.001);
});

test("no samples are refused", async () => {
  await expect(elbo(NDArray.zeros([0, 2]), options(chain(5)))).rejects.toThrow(
    "expected at least one sample",
  );
});
