import { describe, expect, it } from "vitest";
import {
  edmInputScale,
  likelihoodWeighting,
  noiseProcesses,
  predictions,
  x0Recovery,
} from "../../src/diffusion/index.ts";
import { predictionObjective } from "../../src/systems/denoising-objective.ts";
import { scoreObjective } from "../../src/systems/ncsn.ts";
import { lossesOf } from "./losses.ts";

/** float64 in another order. */
const ROUNDING = 1e-12;

const shape = [1, 1, 1, 2];
const [x0, eps, output] = [
  [0.3, -0.8],
  [1.1, 0.4],
  [-0.2, 0.9],
];
const said = { shape, x0, eps, output };
const meanSquare = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value * value, 0) / values.length;

describe.each([0.01, 0.5, 7, 80])("EDM's loss at σ = %d", (sigma) => {
  it.each([0.5, 1])("is λ ‖D − x0‖² with D = c_skip x + c_out F(c_in x): data of deviation %d", (data) => {
    const level = noiseProcesses.edm().level(sigma);
    const [loss] = lossesOf(predictionObjective({ prediction: "edm", sigmaData: data }), level, said);
    // Karras et al. 2022, table 1.
    const total = sigma ** 2 + data ** 2;
    const [cSkip, cOut] = [data ** 2 / total, (sigma * data) / Math.sqrt(total)];
    const lambda = total / (sigma * data) ** 2;
    const errors = x0.map((clean, i) => {
      const x = clean + sigma * (eps[i] as number);
      return cSkip * x + cOut * (output[i] as number) - clean;
    });
    expect(Math.abs((loss as number) / (lambda * meanSquare(errors)) - 1)).toBeLessThan(1e-9);
    expect(edmInputScale(data)(level)).toBeCloseTo(1 / Math.sqrt(total), 12);
    // The sampler reads the output by the same two coefficients.
    const recovery = x0Recovery(predictions.edm(level, data), level);
    expect(recovery.ofX).toBeCloseTo(cSkip, 9);
    expect(recovery.ofOutput).toBeCloseTo(cOut, 9);
  });
});

it("a flow's loss is ‖v − (ε − x0)‖², at every time", () => {
  for (const time of [0.1, 0.5, 1]) {
    const level = noiseProcesses.rectified_flow().level(time);
    const [loss] = lossesOf(predictionObjective({ prediction: "flow_prediction" }), level, said);
    const errors = output.map((v, i) => v - ((eps[i] as number) - (x0[i] as number)));
    expect(Math.abs((loss as number) - meanSquare(errors))).toBeLessThan(ROUNDING);
  }
});

it("NCSN's loss is λ(σ) ½ ‖s + (x̃ − x) / σ²‖² with λ = σ², of a score −output / σ", () => {
  for (const sigma of [0.02, 0.3, 2]) {
    const [loss] = lossesOf(scoreObjective, { alpha: 1, sigma, t: 0 }, said);
    // Song and Ermon 2019, eq. 5, where x̃ = x + σ ε.
    const errors = output.map((value, i) => -value / sigma + (eps[i] as number) / sigma);
    const expected = 0.5 * sigma ** 2 * meanSquare(errors);
    expect(Math.abs((loss as number) / expected - 1)).toBeLessThan(1e-9);
  }
});

it.each(["vp", "sub_vp", "ve"] as const)(
  "a score's loss under %s with the likelihood's weight is g² / 2 ‖s − ∇ ln p(x_t | x_0)‖²",
  (kind) => {
    const process = noiseProcesses[kind]();
    for (const time of [0.05, 0.4, 0.9]) {
      const level = process.level(time);
      const objective = predictionObjective({ prediction: "epsilon" }, likelihoodWeighting(process));
      const [loss] = lossesOf(objective, level, said);
      const errors = output.map((value, i) => ((eps[i] as number) - value) / level.sigma);
      const expected = 0.5 * process.diffusion(time) * meanSquare(errors);
      expect(Math.abs((loss as number) / expected - 1)).toBeLessThan(1e-9);
    }
  },
);
