import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { clipped, type Denoised, type Level, networkDenoiser } from "../../src/diffusion/index.ts";

const level: Level = { alpha: 0.6, sigma: 0.8, t: 321 };
const of = (...values: number[]) => NDArray.of(values);

test("a network that predicts noise is told the timestep and gives x0 and its eps", async () => {
  const told: number[] = [];
  const denoiser = networkDenoiser(async (x, t) => {
    told.push(t);
    return x.mul(0.5);
  });
  const { x0, eps } = await denoiser(of(1, -2), level);
  expect(told).toEqual([321]);
  expect(eps).toEqual(of(0.5, -1));
  expect(x0.data[0]).toBeCloseTo((1 - 0.8 * 0.5) / 0.6, 6);
  expect(x0.data[1]).toBeCloseTo((-2 + 0.8) / 0.6, 6);
});

test("clipping changes x0 alone", async () => {
  const denoised: Denoised = { x0: of(-3, 0.25, 1.5), eps: of(7, 8, 9), variance: of(1, 2, 3) };
  const denoiser = async () => denoised;
  expect(await clipped(denoiser, { keepEps: true })(of(0, 0, 0), level)).toEqual({
    ...denoised,
    x0: of(-1, 0.25, 1),
  });
  expect(await clipped(denoiser)(of(0, 0, 0), level)).not.toHaveProperty("eps");
  expect((await clipped(denoiser, { range: 2 })(of(0, 0, 0), level)).x0).toEqual(of(-2, 0.25, 1.5));
});

test("a network that learns the variance gives it in as many channels again", async () => {
  const x = NDArray.zeros([2, 1, 2]);
  const output = NDArray.of([1, 2, 10, 20, 3, 4, 30, 40], [2, 2, 2]);
  const { eps, variance } = await networkDenoiser(async () => output, { learnsVariance: true })(x, level);
  expect(eps).toEqual(NDArray.of([1, 2, 3, 4], [2, 1, 2]));
  expect(variance).toEqual(NDArray.of([10, 20, 30, 40], [2, 1, 2]));
});

test.each([
  [true, [2, 1, 2], "network: expected [2, 2, 2], as it learns the variance, got [2, 1, 2]"],
  [true, [2, 3, 2], "network: expected [2, 2, 2], as it learns the variance, got [2, 3, 2]"],
  [false, [2, 2, 2], "network: expected [2, 1, 2], got [2, 2, 2]"],
] as const)(
  "an output of other channels is refused, learning the variance %s: %j",
  async (learnsVariance, shape, message) => {
    const denoiser = networkDenoiser(async () => NDArray.zeros(shape), { learnsVariance });
    await expect(denoiser(NDArray.zeros([2, 1, 2]), level)).rejects.toThrow(message);
  },
);

test("x is scaled on its way into the network alone", async () => {
  const seen: number[] = [];
  const denoiser = networkDenoiser(
    async (x) => {
      seen.push(x.data[0] as number);
      return x.mul(0);
    },
    { inputScale: () => 0.5 },
  );
  const { x0 } = await denoiser(of(3), level);
  expect(seen).toEqual([1.5]);
  expect(x0.data[0]).toBeCloseTo(3 / 0.6, 6);
});

test("where x is x0 the network's own eps stays, as none follows from it", async () => {
  const denoiser = async () => ({ x0: of(3), eps: of(0.5) });
  expect(await clipped(denoiser)(of(3), { alpha: 1, sigma: 0, t: 7 })).toEqual({ x0: of(1), eps: of(0.5) });
});

test("a network's pullback becomes that of x0: through what scales x, and what x0 is of x and the output", async () => {
  // A linear network A x, whose vᵀ ∂output/∂x is Aᵀ v; x0 is then linear in x too, and its columns are its derivative.
  const a = [
    [0.5, -0.3],
    [0.2, 0.7],
  ] as const;
  const times = (rows: readonly (readonly number[])[], x: NDArray) =>
    NDArray.of(
      rows.map((row) => row.reduce((sum, value, i) => sum + value * (x.data[i] as number), 0)),
      [1, 2],
    );
  const turned = [0, 1].map((i) => a.map((row) => row[i] as number));
  const told: number[] = [];
  const denoiser = networkDenoiser(async (x) => times(a, x), {
    prediction: "v_prediction",
    inputScale: () => 1.5,
    told: ({ sigma, alpha }) => sigma / alpha,
    pullback: async (_, t, v) => {
      told.push(t);
      return times(turned, v);
    },
  });
  const row = (...values: number[]) => NDArray.of(values, [1, 2]);
  const columns = await Promise.all([row(1, 0), row(0, 1)].map(async (x) => (await denoiser(x, level)).x0));
  const { pullback } = await denoiser(row(3, 4), level);
  const v = row(0.4, -1.1);
  const product = await pullback?.(v);
  for (const [i, column] of columns.entries())
    expect(product?.data[i]).toBeCloseTo(column.mul(v).sum().item(), 6);
  expect(told[0]).toBeCloseTo(0.8 / 0.6, 12);
});
