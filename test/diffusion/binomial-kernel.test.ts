import { expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { binomialKernel, binomialProcess, factorsAt } from "../../src/diffusion/index.ts";

const n = 20_000;
const process = binomialProcess({ steps: 6, rate: 0.3 });
const kernel = binomialKernel(process);
const all = (value: number) => NDArray.full([1, n, 1, 1], value);
const shareOfOnes = (x: NDArray): number => x.data.filter((sign) => sign === 1).length / x.size;
/** Four standard errors of a share. */
const error = (p: number): number => 4 * Math.sqrt((p * (1 - p)) / n);

it.each([
  [1, 0.75 + 0.25 * 0.3],
  [-1, 0.25 * 0.3],
])("where the network says 0, a bit of %i steps as in the forward process", (sign, p) => {
  // β_2 = 1 / (6 − 2)
  const at = { factors: factorsAt(kernel, [2]), generators: [new Generator(1)] };
  const step = kernel.step(all(sign), [all(0)], at);
  expect(step.mean.data[0]).toBeCloseTo(2 * p - 1, 5);
  expect(Math.abs(shareOfOnes(step.x) - p)).toBeLessThan(error(p));
});

it("what the network says is added to the log odds", () => {
  const at = { factors: factorsAt(kernel, [2]), generators: [new Generator(1)] };
  const { mean } = kernel.step(all(-1), [all(1.5)], at);
  const odds = (0.075 / 0.925) * Math.exp(1.5);
  expect(mean.data[0]).toBeCloseTo((2 * odds) / (1 + odds) - 1, 5);
});

it("noised bits keep what the process keeps, and begin at its equilibrium", () => {
  const x = kernel.noised(all(1), factorsAt(kernel, [3]), new Generator(2));
  const p = 2 / 6 + (4 / 6) * 0.3;
  expect(Math.abs(shareOfOnes(x) - p)).toBeLessThan(error(p));
  expect(new Set(x.data)).toEqual(new Set([-1, 1]));
  expect(Math.abs(shareOfOnes(kernel.begin([n, 1, 1], new Generator(3))) - 0.3)).toBeLessThan(error(0.3));
});
