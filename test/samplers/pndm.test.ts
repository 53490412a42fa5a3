import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import type { Denoiser, Level } from "../../src/diffusion/index.ts";
import { ddim, type PndmOptions, pathOf, pndm, sample } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const x = new Generator(0).normal([16]);
/** A few float32 roundings. */
const ROUNDED = 2e-6;
/** Those of twenty steps, of which the first divides by an α of 0.006. */
const MANY_ROUNDED = 1e-4;

/** The timesteps that a run is told, and where it ends. */
const run = async (levels: readonly Level[], options: PndmOptions = {}) => {
  const told: number[] = [];
  const denoiser: Denoiser = async (x, level) => {
    told.push(level.t);
    return { x0: x.mul(0.3).add(0.1) };
  };
  let end = x;
  const sampler = pndm(chain, options);
  for await (const frame of sample({ sampler, levels, denoiser, x, noise: refuseNoise })) end = frame.x;
  return { told, end };
};

const spaced = (steps: number) => pathOf(chain, { spacing: "leading", offset: 1, steps });

test("three steps evaluate four times, twice in their middle, and the others once", async () => {
  const { told } = await run(spaced(10));
  const warm = [901, 851, 851, 801, 801, 751, 751, 701, 701, 651, 651, 601];
  expect(told).toEqual([...warm, 601, 501, 401, 301, 201, 101, 1]);
});

test("the middle of an odd number of timesteps is told as the lower of the two that it is between", async () => {
  const { told } = await run(pathOf(chain, { spacing: [958, 929, 900, 871, 842] }));
  expect(told.slice(0, 12)).toEqual([958, 943, 943, 929, 929, 914, 914, 900, 900, 885, 885, 871]);
});

test("without a warm-up the first step alone evaluates twice, the second time at its end", async () => {
  const { told } = await run(spaced(10), { skipPrk: true });
  expect(told).toEqual([901, 801, 801, 701, 601, 501, 401, 301, 201, 101, 1]);
});

test.each([false, true])("a single step is DDIM's: skipPrk %s", async (skipPrk) => {
  const levels = spaced(1);
  const { told, end } = await run(levels, { skipPrk });
  expect(told).toEqual([1]);
  const [from, to] = levels as [Level, Level];
  const denoise: Denoiser = async (x) => ({ x0: x.mul(0.3).add(0.1) });
  const { x: wanted } = await ddim().step({ x, from, to, denoise, noise: refuseNoise, memory: undefined });
  for (const [i, value] of end.data.entries())
    expect(Math.abs(value - (wanted.data[i] as number))).toBeLessThan(ROUNDED);
});

test("one sampler runs twice to the same end", async () => {
  const sampler = pndm(chain);
  const denoiser: Denoiser = async (x, { alpha }) => ({ x0: x.mul(alpha).mul(0.3) });
  const ends: NDArray[] = [];
  for (const _ of [1, 2]) {
    let end = x;
    for await (const frame of sample({ sampler, levels: spaced(10), denoiser, x, noise: refuseNoise }))
      end = frame.x;
    ends.push(end);
  }
  expect(ends[1]).toEqual(ends[0]);
});

test.each(["epsilon", "flow_prediction"] as const)(
  "with data at one point every step is exact, as %s is the same all along",
  async (averages) => {
    const point: Denoiser = async (x) => ({ x0: NDArray.full(x.shape, 0.4) });
    const sampler = pndm(chain, { averages });
    const levels = pathOf(chain, { spacing: "trailing", steps: 20 });
    let end = x;
    for await (const frame of sample({ sampler, levels, denoiser: point, x, noise: refuseNoise }))
      end = frame.x;
    for (const value of end.data) expect(Math.abs(value - 0.4)).toBeLessThan(MANY_ROUNDED);
  },
);
