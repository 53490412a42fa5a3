import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { type Denoiser, gaussianMixture } from "../../src/diffusion/index.ts";
import { deis, dpmMultistep, pathOf, type Sampler, sample, uniPc } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const levels = pathOf(chain, { steps: 8, spacing: "linspace", final: "least" }, "exponential");
const { denoiser } = gaussianMixture([
  { weight: 1, mean: [-0.8], deviation: 0.5 },
  { weight: 2, mean: [0.7], deviation: 0.6 },
]);

const endOf = async (sampler: Sampler, by: Denoiser = denoiser): Promise<NDArray> => {
  let end = NDArray.of([-1.2, 0.3, 1.6], [3, 1]);
  const run = { denoiser: by, sampler, levels, x: end, noise: refuseNoise };
  for await (const { x } of sample(run)) end = x;
  return end;
};
const distance = (a: NDArray, b: NDArray): number => Math.max(...a.sub(b).abs().data);
/** Rounding of float32 states in eight steps. */
const ROUNDING = 1e-5;

const everyStep = levels.map((_, i) => i);

test("UniPC of the first order that corrects nothing is DPM-Solver of the first order", async () => {
  for (const algorithm of ["dpmsolver", "dpmsolver++"] as const) {
    const plain = await endOf(dpmMultistep({ algorithm, order: 1 }));
    const uncorrected = await endOf(uniPc({ algorithm, order: 1, uncorrected: everyStep }));
    expect(distance(uncorrected, plain)).toBeLessThan(ROUNDING);
    expect(distance(await endOf(uniPc({ algorithm, order: 1 })), plain)).toBeGreaterThan(100 * ROUNDING);
  }
});

test("UniPC's predictor with B(h) = e^h − 1 is DPM-Solver's midpoint rule at the second order", async () => {
  const midpoint = await endOf(dpmMultistep({ order: 2 }));
  const predictor = await endOf(uniPc({ order: 2, solver: "bh2", uncorrected: everyStep }));
  expect(distance(predictor, midpoint)).toBeLessThan(ROUNDING);
});

test("UniPC leaves out the corrections that it is told to, and those alone", async () => {
  const ends = await Promise.all(
    [[], [0], [0, 1], everyStep].map((uncorrected) => endOf(uniPc({ order: 2, uncorrected }))),
  );
  for (const [i, end] of ends.entries())
    for (const other of ends.slice(i + 1)) expect(distance(end, other)).toBeGreaterThan(ROUNDING);
  expect(await endOf(uniPc({ order: 2, uncorrected: [levels.length] }))).toEqual(ends[0]);
});

test("DEIS of the first order is DPM-Solver's, and of the second its exact integral, which is Heun's", async () => {
  for (const order of [1, 2]) {
    const solver = await endOf(dpmMultistep({ algorithm: "dpmsolver", order, solver: "heun" }));
    expect(distance(await endOf(deis({ order })), solver)).toBeLessThan(ROUNDING);
  }
});
