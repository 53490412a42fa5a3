import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  type DiffusionProcess,
  diffusionProcess,
  type Elbo,
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

/** The exact denoiser, which says a variance between the two fixed ones. */
const learning: Denoiser = async (x, level) => ({
  ...(await data.denoiser(x, level)),
  variance: x.map((value) => Math.tanh(value)),
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

test("by both views grey values have the same bits, within what draws are off", async () => {
  const process = chain(20);
  const x0 = data
    .sample(3000, new Generator(0))
    .map((x) => Math.round(Math.min(Math.max(x, -1), 1) * 127.5) / 127.5);
  const settings = { ...options(process, "learned_range"), denoiser: learning, decoder: undefined };
  const { decoder: _, ...grey } = settings;
  const sum = await elbo(x0, grey);
  const each = await hierarchicalElbo(x0, { ...grey, generator: new Generator(9) });
  const mean = each.reduce((total, value) => total + value, 0) / each.length;
  const spread = Math.sqrt(each.reduce((total, value) => total + (value - mean) ** 2, 0)) / each.length;
  expect(Math.abs(mean - sum.total)).toBeLessThan(ERRORS * Math.hypot(spread, sum.standardError));
  expect(sum.total).toBeGreaterThan(6); // 8 bits less what the data's width leaves open
});

test("a network that says the larger variance has the bound of the larger variance", async () => {
  const process = chain(20);
  const x0 = data.sample(64, new Generator(0));
  const most: Denoiser = async (x, level) => ({
    ...(await data.denoiser(x, level)),
    variance: NDArray.full(x.shape, 1),
  });
  const learned = await elbo(x0, { ...options(process, "learned_range"), denoiser: most });
  const fixed = await elbo(x0, options(process, "fixed_large"));
  expect(learned.total).toBeCloseTo(fixed.total, 6);
});

test("many draws of two terms come to the sum of both", async () => {
  const process = chain(3);
  const x0 = data.sample(256, new Generator(0));
  const middle = ({ total, prior, reconstruction }: Elbo) => total - prior - reconstruction;
  const drawn = await elbo(x0, { ...options(process, "fixed_large", 3), draws: 1000 });
  let sum = 0;
  for (let seed = 100; seed < 200; seed++)
    sum += middle(await elbo(x0, options(process, "fixed_large", seed))) / 100;
  // If one term were 0, the error of 1000 draws would be 1 / √1000 of the sum; four of that. A term more is half of it.
  expect(Math.abs(middle(drawn) / sum - 1)).toBeLessThan(0.13);
});

test("some terms, drawn, estimate the sum of all without bias, and say how surely", async () => {
  const process = chain(50);
  const x0 = data.sample(256, new Generator(0));
  const whole = await elbo(x0, options(process, "fixed_large"));
  const estimates: { total: number; standardError: number }[] = [];
  for (let seed = 10; seed < 50; seed++) {
    const { terms, ...found } = await elbo(x0, { ...options(process, "fixed_large", seed), draws: 8 });
    expect(terms.filter((term) => !Number.isNaN(term)).length).toBeLessThanOrEqual(9);
    estimates.push(found);
  }
  const apart = estimates.map(({ total }) => total - whole.total);
  const mean = apart.reduce((sum, value) => sum + value, 0) / apart.length;
  const spread = Math.sqrt(apart.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (apart.length - 1));
  expect(Math.abs(mean)).toBeLessThan((ERRORS * spread) / Math.sqrt(apart.length));
  // The errors it claims are those it makes, and what a draw of other samples would add.
  const claimed = Math.sqrt(
    estimates.reduce((sum, { standardError }) => sum + standardError ** 2, 0) / estimates.length,
  );
  expect(claimed / Math.hypot(spread, whole.standardError)).toBeGreaterThan(0.7);
  expect(claimed / Math.hypot(spread, whole.standardError)).toBeLessThan(1.5);
});

test.each([1, 0, 2.5])("%f draws are refused", async (draws) => {
  await expect(elbo(data.sample(2, new Generator(0)), { ...options(chain(5)), draws })).rejects.toThrow(
    "elbo: expected two draws or more",
  );
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
