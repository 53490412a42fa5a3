import { expect, test } from "vitest";
import {
  edmWeight,
  type Level,
  lambdaOf,
  likelihoodWeight,
  likelihoodWeighting,
  minSnr,
  noiseProcesses,
  p2,
  weightingFor,
  weightings,
} from "../../src/diffusion/index.ts";

const at = (snr: number): Level => ({
  alpha: Math.sqrt(snr / (1 + snr)),
  sigma: Math.sqrt(1 / (1 + snr)),
  t: 0,
});

test.each([
  // snr, of eps, of v, of x0, with gamma = 5
  [0, 1, 0, 0],
  [1, 1, 0.5, 1],
  [5, 1, 5 / 6, 5],
  [20, 0.25, 5 / 21, 5],
])("min-SNR at a ratio of %f", (snr, epsilon, v, sample) => {
  expect(minSnr.epsilon()(at(snr))).toBeCloseTo(epsilon, 9);
  expect(minSnr.v_prediction()(at(snr))).toBeCloseTo(v, 9);
  expect(minSnr.sample()(at(snr))).toBeCloseTo(sample, 9);
});

test("P2 gives clean levels less weight", () => {
  expect(p2()(at(0))).toBe(1);
  expect(p2()(at(3))).toBeCloseTo(0.25, 9);
  expect(p2({ gamma: 0.5 })(at(3))).toBeCloseTo(0.5, 9);
});

test("EDM's weight is (σ² + σ_data²) / (σ σ_data)²", () => {
  const sigma = 2;
  expect(edmWeight(0.5)({ alpha: 1, sigma, t: 0 })).toBeCloseTo((sigma ** 2 + 0.25) / (sigma * 0.5) ** 2, 12);
});

test("the bound weighs by how fast λ falls", () => {
  expect(likelihoodWeight(-3)).toBe(3);
});

test.each(Object.entries(noiseProcesses))("so it does as g² / (2 σ²): %s", (_, open) => {
  const process = open();
  const [clean, noisy] = process.span;
  for (const share of [0.2, 0.5, 0.8]) {
    const time = clean + share * (noisy - clean);
    const h = 1e-6 * time;
    const slope = (lambdaOf(process.level(time + h)) - lambdaOf(process.level(time - h))) / (2 * h);
    const weight = likelihoodWeighting(process)(process.level(time));
    expect(weight / likelihoodWeight(slope)).toBeCloseTo(1, 5);
  }
});

test("the forms of one weighting follow from each other", () => {
  for (const snr of [0.01, 1, 5, 300]) {
    const level = at(snr);
    const ofX0 = minSnr.sample();
    for (const to of ["epsilon", "v_prediction"] as const)
      expect(weightingFor(ofX0, { from: "sample", to })(level)).toBeCloseTo(minSnr[to]()(level), 9);
    // EDM's weight is 1 on the error of its own F.
    expect(weightingFor(edmWeight(), { from: "sample", to: "edm" })(level)).toBeCloseTo(1, 9);
  }
  expect(weightingFor(minSnr.sample(), { from: "sample", to: "v_prediction" })(at(0))).toBe(0);
});

test("uniform weights are 1", () => {
  expect([0, 1, 20].map((snr) => weightings.uniform()(at(snr)))).toEqual([1, 1, 1]);
});
