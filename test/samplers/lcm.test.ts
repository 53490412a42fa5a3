import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { CLEAN, type Denoiser } from "../../src/diffusion/index.ts";
import { boundary, lcm } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const x = NDArray.of([0.7, -1.2]);
const x0 = NDArray.of([0.25, 0.5]);
const denoise: Denoiser = async () => ({ x0 });

test("the consistency function is the identity at t = 0, and the network alone far from it", () => {
  expect(boundary(0)).toEqual({ cSkip: 1, cOut: 0 });
  const { cSkip, cOut } = boundary(999);
  expect(cSkip).toBeCloseTo(0, 6);
  expect(cOut).toBeCloseTo(1, 6);
});

test("what it takes of x falls with t, and what of the network rises", () => {
  const all = Array.from({ length: 100 }, (_, t) => boundary(t / 100));
  for (const [i, { cSkip, cOut }] of all.slice(1).entries()) {
    expect(cSkip).toBeLessThan(all[i]?.cSkip as number);
    expect(cOut).toBeGreaterThan(all[i]?.cOut as number);
  }
});

test.each([1, 99, 500, 999])(
  "one step from timestep %i is the consistency function, and draws nothing",
  async (t) => {
    const args = { x, from: chain.level(t), to: CLEAN, denoise, noise: refuseNoise, memory: undefined };
    const { x: end, denoised } = await lcm().step(args);
    const { cSkip, cOut } = boundary(t);
    expect(end).toEqual(NDArray.combine([cOut, x0], [cSkip, x]));
    expect(denoised).toEqual(end);
  },
);

test("a step to noise forgets x: it is the estimate, noised anew", async () => {
  const to = chain.level(500);
  const noise = () => NDArray.of([2, -3]);
  const { x: end, denoised } = await lcm().step({
    x,
    from: chain.level(999),
    to,
    denoise,
    noise,
    memory: undefined,
  });
  expect(end).toEqual(NDArray.combine([to.alpha, denoised], [to.sigma, noise()]));
});

test("a smaller scale keeps more of x", () => {
  expect(boundary(1, { timestepScaling: 1 }).cSkip).toBeGreaterThan(boundary(1).cSkip);
});
