import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  edmLoss,
  elbo,
  flowMatchingLoss,
  gaussianMixture,
  hybridLoss,
  type Level,
  normalKl,
  predictions,
  predictionTarget,
  qSample,
  scheduleSchema,
  scoreMatchingLoss,
  simpleLoss,
  slicedScoreMatchingLoss,
  squaredError,
  vlbCoefficients,
  vlbLoss,
  x0Recovery,
} from "../../src/diffusion/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { gradients, type Tensor, tanh, trace, vjp } from "../../src/tensor/index.ts";

test("the loss of each sample is the mean square of its own error", () => {
  const eps = NDArray.of([0, 0, 0, 0, 1, 1, 1, 1], [2, 1, 2, 2]);
  const predicted = NDArray.of([1, -1, 3, 0, 1, 1, 1, -1], [2, 1, 2, 2]);
  const losses = simpleLoss(eps, predicted);
  expect(losses.shape).toEqual([2]);
  expect([...losses.data]).toEqual([11 / 4, 1]);
});

test("samples may be single numbers", () => {
  const losses = simpleLoss(NDArray.of([0, 2], [2]), NDArray.of([3, 2], [2]));
  expect([...losses.data]).toEqual([9, 0]);
});

const truth = gaussianMixture([
  { weight: 1, mean: [-0.5, 0.2], deviation: 0.2 },
  { weight: 3, mean: [0.5, -0.3], deviation: 0.3 },
]);
const level: Level = { alpha: 0.8, sigma: 0.6, t: 0 };
const n = 4000;
const x0 = truth.sample(n, new Generator(0));
const eps = new Generator(1).normal(x0.shape);
const x = qSample(x0, eps, level);
const mean = (losses: NDArray) => losses.mean().item();

/** The loss at the truth, and a little beside it either way and elsewhere. */
const leastAtTruth = (lossOf: (estimate: NDArray) => NDArray, best: NDArray): void => {
  const least = mean(lossOf(best));
  for (const moved of [best.add(0.05), best.sub(0.05), best.mul(1.1), best.mul(0.9)])
    expect(mean(lossOf(moved))).toBeGreaterThan(least);
};

test("every objective is least at the truth", async () => {
  const { x0: best, eps: noise = eps } = await truth.denoiser(x, level);
  leastAtTruth((estimate) => simpleLoss(eps, estimate), noise);
  leastAtTruth((estimate) => scoreMatchingLoss(eps, estimate, level.sigma), noise.mul(-1 / level.sigma));
  leastAtTruth((estimate) => edmLoss(x0, estimate, level.sigma / level.alpha), best);
  leastAtTruth((estimate) => flowMatchingLoss(x0, eps, estimate), noise.sub(best));
  leastAtTruth((estimate) => squaredError(x0, estimate), best);
  const coefficients = { towardsX0: 0.4, least: Math.log(0.01), most: Math.log(0.04) };
  const said = NDArray.full(x0.shape, -0.2);
  leastAtTruth((estimate) => vlbLoss({ x0, estimate, said }, coefficients), best);
});

test("the bound's term is the distance of two normal distributions, in bits", () => {
  const [clean, estimate, f] = [NDArray.of([0.3], [1, 1]), NDArray.of([0.1], [1, 1]), 0.5];
  const coefficients = { towardsX0: 0.7, least: Math.log(0.01), most: Math.log(0.04) };
  const variance = Math.exp(0.75 * Math.log(0.04) + 0.25 * Math.log(0.01));
  const want = normalKl(0.7 * 0.2, 0.01, variance) / Math.LN2;
  const got = vlbLoss({ x0: clean, estimate, said: NDArray.of([f], [1, 1]) }, coefficients).item();
  expect(got).toBeCloseTo(want, 6);
  expect(hybridLoss(NDArray.of([2]), NDArray.of([10])).item()).toBeCloseTo(2.01, 6);
});

test("EDM's weight makes its loss one of the network's own output", () => {
  const sigma = 1.3;
  const edmLevel = { alpha: 1, sigma };
  const [clean, output, noise] = [3, 4, 5].map((seed) => new Generator(seed).normal([6, 2]));
  const noisy = qSample(clean as NDArray, noise as NDArray, edmLevel);
  const { ofX, ofOutput } = x0Recovery(predictions.edm(edmLevel), edmLevel);
  const denoised = NDArray.combine([ofX, noisy], [ofOutput, output as NDArray]);
  const { ofX0, ofEps } = predictions.edm(edmLevel);
  const target = qSample(clean as NDArray, noise as NDArray, { alpha: ofX0, sigma: ofEps });
  const [a, b] = [edmLoss(clean as NDArray, denoised, sigma), squaredError(target, output as NDArray)];
  for (const [i, value] of a.data.entries()) expect(value).toBeCloseTo(b.data[i] as number, 4);
});

const signs = (generator: Generator, shape: readonly number[]): NDArray =>
  generator.uniform(shape).map((u) => (u < 0.5 ? -1 : 1));

test("sliced score matching, through a traced network twice differentiated, finds a Gaussian's score", async () => {
  // s(x) = −w x: the loss ½ w² E[x²] − w is least at w = 1 / E[x²], the precision.
  const [rows, deviation] = [2000, 0.5];
  const points = new Generator(2).normal([rows, 2]).mul(deviation);
  const v = signs(new Generator(3), [rows, 2]);
  const graph = trace(
    { x: { shape: [rows, 2] }, v: { shape: [rows, 2] }, w: { shape: [] } },
    ({ x, v, w }) => {
      const score = tanh(x).mul(w).neg();
      const [directional] = vjp(score, [x], v) as [Tensor];
      const loss = slicedScoreMatchingLoss(score, v, directional).mean();
      const [slope] = gradients(loss, [w]) as [Tensor];
      return { loss, slope };
    },
  );
  const run = await compile(graph, { worker: false });
  // With s = −w tanh(x), d loss / dw = w E[tanh²] − E[1 − tanh²].
  const square = points
    .map((value) => Math.tanh(value) ** 2)
    .mean()
    .item();
  for (const w of [0.5, 2, (1 - square) / square]) {
    const { slope } = await run({ x: points, v, w: NDArray.of([w], []) });
    expect(slope?.item()).toBeCloseTo(w * square - (1 - square), 4);
  }
  await run.close();
});

test("sliced score matching goes through a traced network of two layers, and finds the score of the data", async () => {
  const [rows, width, deviation] = [512, 16, 0.7];
  const seeded = (seed: number, shape: readonly number[], scale: number) =>
    new Generator(seed).normal(shape).mul(scale);
  const start = {
    inner: seeded(5, [2, width], 0.7),
    shift: seeded(6, [width], 0.3),
    outer: seeded(7, [width, 2], 0.25),
  };
  const names = Object.keys(start) as (keyof typeof start)[];
  const specs = {
    inner: { shape: start.inner.shape },
    shift: { shape: start.shift.shape },
    outer: { shape: start.outer.shape },
  };
  const graph = trace(
    { x: { shape: [rows, 2] }, v: { shape: [rows, 2] }, ...specs },
    ({ x, v, inner, shift, outer }) => {
      const score = tanh(x.matmul(inner).add(shift)).matmul(outer);
      const [directional] = vjp(score, [x], v) as [Tensor];
      const loss = slicedScoreMatchingLoss(score, v, directional).mean();
      const slopes = gradients(loss, [inner, shift, outer]);
      return {
        loss,
        score,
        ...Object.fromEntries(names.map((name, i) => [`d ${name}`, slopes[i] as Tensor])),
      };
    },
  );
  const run = await compile(graph, { worker: false });
  const points = seeded(8, [rows, 2], deviation);
  const v = signs(new Generator(9), [rows, 2]);
  let weights: Record<string, NDArray> = start;
  const lossAt = async (at: Record<string, NDArray>) =>
    (await run({ x: points, v, ...at })).loss?.item() as number;

  // The slope along the gradient itself, by differences, is its square.
  const first = await run({ x: points, v, ...weights });
  const square = names.reduce((sum, name) => {
    const slope = first[`d ${name}`] as NDArray;
    return sum + slope.mul(slope).sum().item();
  }, 0);
  const moved = (by: number) =>
    Object.fromEntries(
      names.map((name) => [name, NDArray.combine([1, start[name]], [by, first[`d ${name}`] as NDArray])]),
    );
  const h = 1e-2;
  const slope = ((await lossAt(moved(h))) - (await lossAt(moved(-h)))) / (2 * h);
  expect(slope / square).toBeCloseTo(1, 2);

  const random = new Generator(10); // new points in every step: the loss of the same ones falls without end
  for (let step = 0; step < 800; step++) {
    const x = random.normal([rows, 2]).mul(deviation);
    const found = await run({ x, v: signs(random, [rows, 2]), ...weights });
    weights = Object.fromEntries(
      names.map((name) => [
        name,
        NDArray.combine([1, weights[name] as NDArray], [-0.2, found[`d ${name}`] as NDArray]),
      ]),
    );
  }
  const { score } = await run({ x: points, v, ...weights });
  await run.close();
  const truth = points.mul(-1 / deviation ** 2);
  const left = (score as NDArray).sub(truth);
  // Of the score's variance, what 800 steps of a small network leave.
  expect(left.mul(left).mean().item() / truth.mul(truth).mean().item()).toBeLessThan(0.1);
});

test("the coefficients of the bound make its loss the term that elbo sums", async () => {
  const process = diffusionProcess(scheduleSchema.parse({ num_train_timesteps: 20 }));
  const said = (x: NDArray) => x.map((value) => Math.tanh(value));
  const learning: Denoiser = async (x, level) => ({ ...(await truth.denoiser(x, level)), variance: said(x) });
  const generator = new Generator(12);
  const settings = { process, denoiser: learning, variance: "learned_range", generator } as const;
  const { terms } = await elbo(x0, { ...settings, decoder: { kind: "continuous" } });
  for (const t of [1, 10, 19]) {
    const [from, to] = [process.level(t), process.level(t - 1)];
    const noisy = qSample(x0, new Generator(t).normal(x0.shape), from);
    const { x0: estimate } = await truth.denoiser(noisy, from);
    const losses = vlbLoss({ x0, estimate, said: said(noisy) }, vlbCoefficients(from, to));
    const found = mean(losses);
    const spread = Math.sqrt(mean(losses.sub(found).mul(losses.sub(found))) / n);
    expect(Math.abs(found - (terms[t] as number))).toBeLessThan(4 * Math.SQRT2 * spread);
  }
  expect(() => vlbCoefficients(process.level(0), process.level(-1))).toThrow("draw t from 1 on");
});

test("a prediction's target is its mixture of x0 and eps, with coefficients a sample each", () => {
  const [a, b] = [NDArray.of([1, 2, 3, 4], [2, 2]), NDArray.of([10, 20, 30, 40], [2, 2])];
  const column = (...values: number[]) => NDArray.of(values, [2, 1]);
  expect([...predictionTarget(a, b, { ofX0: -0.5, ofEps: 1 }).data]).toEqual([9.5, 19, 28.5, 38]);
  const each = predictionTarget(a, b, { ofX0: column(1, 0), ofEps: column(0, 1) });
  expect([...each.data]).toEqual([1, 2, 30, 40]);
});

test("the hybrid loss moves the mean by the simple loss alone, and the variance by the bound", async () => {
  const shape = [4, 2];
  const specs = { clean: { shape }, estimate: { shape }, said: { shape } };
  const coefficients = { towardsX0: 0.7, least: Math.log(0.01), most: Math.log(0.04) };
  const graph = trace(specs, ({ clean, estimate, said }) => {
    const simple = squaredError(clean, estimate);
    const bound = vlbLoss({ x0: clean, estimate: estimate.detach(), said }, coefficients);
    const [hybrid, alone] = [hybridLoss(simple, bound, 0.5).mean(), simple.mean()];
    const [ofMean, ofVariance] = gradients(hybrid, [estimate, said]) as [Tensor, Tensor];
    const [simpleAlone] = gradients(alone, [estimate]) as [Tensor];
    const [boundAlone] = gradients(bound.mean().mul(0.5), [said]) as [Tensor];
    return { ofMean, simpleAlone, ofVariance, boundAlone };
  });
  const run = await compile(graph, { worker: false });
  const [clean, estimate, said] = [6, 7, 8].map((seed) => new Generator(seed).normal(shape).mul(0.3));
  const { ofMean, simpleAlone, ofVariance, boundAlone } = await run({ clean, estimate, said } as Record<
    string,
    NDArray
  >);
  await run.close();
  expect(ofMean).toEqual(simpleAlone);
  expect(ofVariance).toEqual(boundAlone);
  expect(ofVariance?.abs().sum().item()).toBeGreaterThan(0);
});
