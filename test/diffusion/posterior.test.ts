import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  diffusionProcess,
  posterior,
  posteriorVariance,
  reverseVariance,
  reverseVariances,
  scheduleSchema,
  stepVariance,
} from "../../src/diffusion/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));
const number = (value: number) => NDArray.of([value], [1]);

/** Means are stored in float32. */
const FLOAT32 = 1e-6;
/** Differences of float64 numbers near 1 that are 1e-4 apart. */
const FLOAT64 = 1e-9;

const relative = (got: number, want: number): number => Math.abs(got / want - 1);

/**
 * Bayes' rule from the steps alone: q(x_s | x_0) N(scale · x_0, variance) as a prior for x_s and, with the
 * steps s + 1 … t composed, q(x_t | x_s) as its likelihood; precisions add.
 */
const bayes = (x: number, x0: number, t: number, s: number) => {
  const compose = (first: number, last: number) => {
    let [scale, variance] = [1, 0];
    for (const beta of process.betas.slice(first, last + 1)) {
      scale *= Math.sqrt(1 - beta);
      variance = (1 - beta) * variance + beta;
    }
    return { scale, variance };
  };
  const prior = compose(0, s);
  const likelihood = compose(s + 1, t);
  const precision = 1 / prior.variance + likelihood.scale ** 2 / likelihood.variance;
  const weighted = (prior.scale * x0) / prior.variance + (likelihood.scale * x) / likelihood.variance;
  return { mean: weighted / precision, variance: 1 / precision };
};

test.each([
  [1, 0],
  [500, 499],
  [999, 998],
  [10, 3],
  [999, 300],
])("q(x_s | x_t, x_0) follows from Bayes' rule, t = %i, s = %i", (t, s) => {
  for (const [x, x0] of [
    [1, 0],
    [0, 1],
    [-2, 0.5],
  ] as const) {
    const { mean, variance } = posterior(number(x), number(x0), process.level(t), process.level(s));
    const want = bayes(x, x0, t, s);
    expect(Math.abs(mean.item() - want.mean)).toBeLessThan(FLOAT32 * Math.max(1, Math.abs(want.mean)));
    expect(relative(variance, want.variance)).toBeLessThan(FLOAT64);
  }
});

test("at the clean level the posterior is x_0 itself", () => {
  const { mean, variance } = posterior(number(3), number(0.25), process.level(40), process.level(-1));
  expect(mean.item()).toBe(0.25);
  expect(variance).toBe(0);
});

test("the posterior variance has the values of diffusers' tests", () => {
  const at = (t: number) => posteriorVariance(process.level(t), process.level(t - 1));
  for (const [t, want] of [
    [0, 0],
    [487, 0.00979],
    [999, 0.02],
  ] as const)
    expect(Math.abs(at(t) - want)).toBeLessThan(1e-5); // as there
});

test("between neighbours the large variance is beta, and the small one is below it", () => {
  for (let t = 0; t < process.steps; t++) {
    const levels = [process.level(t), process.level(t - 1)] as const;
    expect(relative(stepVariance(...levels), process.betas[t] as number)).toBeLessThan(FLOAT64);
    expect(reverseVariances.fixed_large(...levels)).toBe(stepVariance(...levels));
    expect(reverseVariances.fixed_small(...levels)).toBeLessThan(stepVariance(...levels));
  }
});

test.each([
  [1, -10.171279],
  [487, -5.7998052],
  [999, -0.0010011],
])("the learned variance is between the two fixed ones in logarithms: timestep %i at 0.5", (t, log) => {
  const cosine = diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2" }));
  const [from, to] = [cosine.level(t), cosine.level(t - 1)];
  const variance = reverseVariance("learned_range", from, to, NDArray.of([0.5])) as NDArray;
  expect(Math.log(variance.item())).toBeCloseTo(log, 3); // of diffusers' own test, where 1 − ᾱ is float32's
});

test("variances are those that the network says, and refused where it says none", () => {
  const [from, to] = [process.level(5), process.level(4)];
  expect((reverseVariance("learned", from, to, NDArray.of([0])) as NDArray).item()).toBe(1);
  expect((reverseVariance("learned_variance", from, to, NDArray.of([0.25])) as NDArray).item()).toBe(0.25);
  const extremes = reverseVariance("learned_range", from, to, NDArray.of([-1, 1])) as NDArray;
  expect(extremes.data[0]).toBeCloseTo(posteriorVariance(from, to), 9);
  expect(extremes.data[1]).toBeCloseTo(stepVariance(from, to), 9);
  expect(() => reverseVariance("learned_range", from, to)).toThrow(
    "variance: expected a network that learns it",
  );
});
