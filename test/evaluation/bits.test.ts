import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  dequantised,
  diffusionProcess,
  normalLog,
  posteriorVariance,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import { bitsByElbo, bitsByOde } from "../../src/evaluation/index.ts";

const DEVIATION = 0.25;

/** Grey levels of a normal around the middle, none of which is cut off. */
const images = NDArray.of(
  new Generator(1)
    .normal([40, 1, 4, 4])
    .mul(DEVIATION)
    .data.map((x) => Math.min(Math.max(Math.round((x + 1) * 127.5), 0), 255)),
  [40, 1, 4, 4],
  "uint8",
);

/** What is known of x0 ~ N(0, s²) given x = α x0 + σ ε: x0 = x · α s² / (α² s² + σ²), whose derivative is a number. */
const exact: Denoiser = async (x, { alpha, sigma }) => {
  const factor = (alpha * DEVIATION ** 2) / (alpha ** 2 * DEVIATION ** 2 + sigma ** 2);
  return { x0: x.mul(factor), pullback: async (v) => v.mul(factor) };
};
const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "linear" }));

/** −log₂ p a dimension of the images as points of the continuum, and the 7 bits of a point's place. */
const truth = (seed: number): number => {
  const points = dequantised(images, new Generator(seed));
  const nats = [...points.data].reduce((sum, x) => sum - normalLog(x, DEVIATION ** 2), 0);
  return nats / points.size / Math.LN2 + 7;
};

/**
 * The bound's expectation in bits a dimension: ½ (SNR(t−1) − SNR(t)) Var[x0 | x_t] for each step (Kingma et al. 2021, eq.
 * 15), and the density of the last one's normal over the width of a grey level. Its bins are narrow, not infinitely so,
 * and the draws of one noise an image spread: 0.1 in all.
 */
const boundOfTerms = (): number => {
  const variance = (t: number): number => {
    const { alpha, sigma } = process.level(t);
    return (DEVIATION * sigma) ** 2 / ((DEVIATION * alpha) ** 2 + sigma ** 2);
  };
  const spread = posteriorVariance(process.level(1), process.level(0));
  let nats = 0.5 * Math.log(2 * Math.PI * spread) + variance(0) / (2 * spread) - Math.log(2 / 255);
  for (let t = 1; t < process.steps; t++) nats += 0.5 * (process.snr(t - 1) - process.snr(t)) * variance(t);
  return nats / Math.LN2;
};

describe("of a normal with an exact denoiser", () => {
  test("the ODE gives its bits", async () => {
    let evaluations = 0;
    const options = { denoiser: exact, process, seed: 3, onEvaluation: () => (evaluations += 1) };
    const { value, interval } = await bitsByOde(images, options);
    // Data lie at the cleanest level here, whose noise of 1% of a grey level's 1/128 is all that is left out.
    expect(Math.abs(value - truth(3))).toBeLessThan(0.01);
    expect(interval?.[0]).toBeLessThan(value);
    expect(evaluations).toBeGreaterThan(10);
  });

  test("the bound is what its terms come to in closed form, above them", async () => {
    let evaluations = 0;
    const options = { denoiser: exact, process, seed: 3, onEvaluation: () => (evaluations += 1) };
    const { value } = await bitsByElbo(images, options);
    expect(value).toBeGreaterThan(truth(3));
    expect(Math.abs(value - boundOfTerms())).toBeLessThan(0.1);
    expect(evaluations).toBe(process.steps);
  });
});

test("one image, or images that are no bytes, have no bits with an interval", async () => {
  const options = { denoiser: exact, process, seed: 1 };
  await expect(bitsByElbo(images.rows(0, 1), options)).rejects.toThrow(
    /two uint8 images or more, got 1 of uint8/,
  );
  await expect(bitsByOde(images.cast("float32"), options)).rejects.toThrow(/got 40 of float32/);
});

test("evaluations end when they are told to", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(bitsByElbo(images, { denoiser: exact, process, seed: 1, signal })).rejects.toThrow("enough");
});
