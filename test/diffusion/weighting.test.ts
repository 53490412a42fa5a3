import { expect, test } from "vitest";
import { edmWeight, type Level, likelihoodWeight, minSnr, p2 } from "../../src/diffusion/index.ts";

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
