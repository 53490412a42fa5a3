import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, type Denoiser, type Level, noiseToSignal } from "../../src/diffusion/index.ts";
import { ancestralSplit } from "../../src/samplers/euler-ancestral.ts";
import { euler, eulerAncestral, kdpm2 } from "../../src/samplers/index.ts";
import { chain, refuseNoise, stepFactors } from "./walks.ts";

const number = (value: number) => NDArray.of([value], [1]);
const steps: readonly (readonly [Level, Level])[] = [
  [chain.level(999), chain.level(900)],
  [chain.level(600), chain.level(599)],
  [chain.level(100), chain.level(0)],
];
/** x is stored in float32, and a step rounds a few times. */
const FLOAT32 = 2e-6;

test("both parts of a step together have the noise of its end, whatever the share", () => {
  for (const [from, to] of steps)
    for (const eta of [0, 0.3, 1]) {
      const { down, up } = ancestralSplit(from, to, eta);
      expect(Math.hypot(down.sigma, up) / to.sigma).toBeCloseTo(1, 12);
      expect(up === 0).toBe(eta === 0);
    }
});

test("with the whole share the fresh noise is that of ancestral sampling", () => {
  for (const [from, to] of steps) {
    const [s, end] = [noiseToSignal(from), noiseToSignal(to)];
    const { up } = ancestralSplit(from, to, 1);
    expect((up / to.alpha) ** 2).toBeCloseTo((end ** 2 * (s ** 2 - end ** 2)) / s ** 2, 9);
  }
});

test.each([
  ["euler ancestral", eulerAncestral()],
  ["kdpm2 ancestral", kdpm2(chain, { eta: 1 })],
])("with data at one point %s keeps the forward process's variances", async (_, sampler) => {
  for (const [from, to] of steps) {
    const [ofX, ofNoise] = await stepFactors(sampler, from, to);
    const variance = (ofX * from.sigma) ** 2 + ofNoise ** 2;
    expect(Math.abs(variance / to.sigma ** 2 - 1)).toBeLessThan(FLOAT32);
  }
});

test("without a share, and to data, it is Euler's rule and draws nothing", async () => {
  const denoise: Denoiser = async (x) => ({ x0: x.mul(0.3).add(0.1) });
  for (const [eta, to] of [
    [0, chain.level(300)],
    [1, CLEAN],
  ] as const) {
    const args = {
      x: number(0.8),
      from: chain.level(600),
      to,
      denoise,
      noise: refuseNoise,
      memory: undefined,
    };
    const { x } = await eulerAncestral({ eta }).step(args);
    expect(x).toEqual((await euler({ frame: "karras" }).step(args)).x);
  }
});
