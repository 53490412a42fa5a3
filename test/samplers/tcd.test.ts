import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, type Denoiser, type Level } from "../../src/diffusion/index.ts";
import { ddim, tcd } from "../../src/samplers/index.ts";
import { chain, refuseNoise, stepFactors } from "./walks.ts";

const number = (value: number) => NDArray.of([value], [1]);
const steps: readonly (readonly [Level, Level])[] = [
  [chain.level(999), chain.level(799)],
  [chain.level(599), chain.level(399)],
  [chain.level(199), chain.level(19)],
];
/** x is stored in float32, and a step rounds a few times. */
const FLOAT32 = 2e-6;

test.each([0, 0.3, 0.8, 1])(
  "with data at one point γ = %f keeps the forward process's variances",
  async (eta) => {
    for (const [from, to] of steps) {
      const [ofX, ofNoise] = await stepFactors(tcd(chain, { eta }), from, to);
      const variance = (ofX * from.sigma) ** 2 + ofNoise ** 2;
      expect(Math.abs(variance / to.sigma ** 2 - 1)).toBeLessThan(FLOAT32);
    }
  },
);

test.each([0.3, 0.8, 1])("γ = %f goes by the network to timestep (1 − γ) of the step's end", async (eta) => {
  for (const [from, to] of steps) {
    const below = chain.level(Math.floor((1 - eta) * to.t));
    const [ofX] = await stepFactors(tcd(chain, { eta }), from, to);
    const wanted = (to.alpha / below.alpha) * (below.sigma / from.sigma);
    expect(Math.abs(ofX / wanted - 1)).toBeLessThan(FLOAT32);
  }
});

test("γ = 0, and the last step, are DDIM's and draw nothing", async () => {
  const denoise: Denoiser = async (x) => ({ x0: x.mul(0.3).add(0.1) });
  for (const [eta, to] of [
    [0, chain.level(300)],
    [0.3, chain.level(0)],
    [0.3, CLEAN],
  ] as const) {
    const args = {
      x: number(0.8),
      from: chain.level(600),
      to,
      denoise,
      noise: refuseNoise,
      memory: undefined,
    };
    expect((await tcd(chain, { eta }).step(args)).x).toEqual((await ddim().step(args)).x);
  }
});
