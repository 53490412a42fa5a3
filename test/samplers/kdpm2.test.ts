import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, type Denoiser, type Level, noiseToSignal } from "../../src/diffusion/index.ts";
import { ancestralSplit } from "../../src/samplers/euler-ancestral.ts";
import { euler, kdpm2 } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const x = NDArray.of([0.7, -1.2]);
const [from, to] = [chain.level(600), chain.level(300)];

/** Where a step evaluates. */
const visited = async (eta: number, to: Level): Promise<Level[]> => {
  const levels: Level[] = [];
  const denoise: Denoiser = async (x, level) => {
    levels.push(level);
    return { x0: x.mul(0.4) };
  };
  const noise = () => NDArray.zeros(x.shape);
  await kdpm2(chain, { eta }).step({ x, from, to, denoise, noise, memory: undefined });
  return levels;
};

test.each([0, 0.5, 1])(
  "the middle is halfway in λ to where the step goes without noise: eta %f",
  async (eta) => {
    const [start, middle, ...others] = await visited(eta, to);
    expect(start).toBe(from);
    expect(others).toEqual([]);
    const { down } = ancestralSplit(from, to, eta);
    const geometric = Math.sqrt(noiseToSignal(from) * noiseToSignal(down));
    expect(noiseToSignal(middle as Level) / geometric).toBeCloseTo(1, 9);
  },
);

test("the network is told the fractional timestep that has the middle's noise", async () => {
  const [, middle] = await visited(0, to);
  const { t } = middle as Level;
  expect(Number.isInteger(t)).toBe(false);
  // Between two timesteps t follows from ln σ in equal parts, and σ from t in equal parts, as in k-diffusion.
  expect(noiseToSignal(chain.level(t)) / noiseToSignal(middle as Level)).toBeCloseTo(1, 4);
});

test("the step to data is Euler's, of one evaluation and no noise", async () => {
  const denoise: Denoiser = async (x) => ({ x0: x.mul(0.4) });
  const args = { x, from, to: CLEAN, denoise, noise: refuseNoise, memory: undefined };
  for (const eta of [0, 1]) {
    expect(await visited(eta, CLEAN)).toEqual([from]);
    expect((await kdpm2(chain, { eta }).step(args)).x).toEqual(
      (await euler({ frame: "karras" }).step(args)).x,
    );
  }
});
