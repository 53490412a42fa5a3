import { describe, expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  classifierFree,
  classifierGuided,
  type Denoiser,
  epsToX0,
  gaussianMixture,
  guide,
  type Level,
  networkDenoiser,
  posteriorVariance,
} from "../../src/diffusion/index.ts";
import { ancestral } from "../../src/samplers/index.ts";

const level: Level = { alpha: 0.6, sigma: 0.8, t: 10 };
const x = NDArray.of([1, -1]);
const [c, u] = [NDArray.of([1, 2]), NDArray.of([0.5, -1])];

const never: Denoiser = async () => expect.fail("evaluated");
const predicting = (eps: NDArray) => networkDenoiser(async () => eps);

test("the scale goes from unconditional at 0 over conditional at 1 to beyond it", () => {
  expect(guide(u, c, 0)).toEqual(u);
  expect(guide(u, c, 1)).toEqual(c);
  expect([...guide(u, c, 3).data]).toEqual([2, 8]);
});

test("scale 1 evaluates the conditional denoiser alone, scale 0 the other", async () => {
  expect((await classifierFree(predicting(c), never, 1)(x, level)).eps).toEqual(c);
  expect((await classifierFree(never, predicting(u), 0)(x, level)).eps).toEqual(u);
});

test("guiding x0 is guiding eps", async () => {
  const { x0, eps } = await classifierFree(predicting(c), predicting(u), 2.5)(x, level);
  const guided = guide(u, c, 2.5);
  expect(eps).toEqual(guided);
  for (const [i, value] of epsToX0(x, guided, level).data.entries()) expect(x0.data[i]).toBeCloseTo(value, 5); // float32 estimates, moved 2.5 times apart
});

test("without the network's own eps there is none to guide", async () => {
  const bare: Denoiser = async (x) => ({ x0: x });
  expect(await classifierFree(bare, predicting(u), 2)(x, level)).not.toHaveProperty("eps");
});

test("outside the interval of noise the conditional estimate stands alone", async () => {
  const noise = level.sigma / level.alpha;
  const inside = classifierFree(predicting(c), predicting(u), {
    scale: 3,
    interval: [noise - 0.1, noise + 0.1],
  });
  expect((await inside(x, level)).eps).toEqual(guide(u, c, 3));
  const outside = classifierFree(predicting(c), never, { scale: 3, interval: [noise + 0.1, noise + 1] });
  expect((await outside(x, level)).eps).toEqual(c);
});

test("rescaling gives each sample the conditional estimate's deviation back, in part", async () => {
  const [cs, us] = [NDArray.of([1, 3, 0, 4], [2, 2]), NDArray.of([0, -2, 1, -1], [2, 2])];
  const at = NDArray.zeros([2, 2]);
  const denoiser = (rescale: number) => classifierFree(predicting(cs), predicting(us), { scale: 2, rescale });
  const deviation = (a: number, b: number) => Math.abs(a - b) / 2;
  const plain = guide(us, cs, 2);
  for (const rescale of [0.5, 1]) {
    const { x0, eps = at } = await denoiser(rescale)(at, level);
    for (const row of [0, 1]) {
      const [p, q] = [plain.row(row).data, cs.row(row).data] as [Float32Array, Float32Array];
      const own = deviation(p[0] as number, p[1] as number);
      const wanted = deviation(q[0] as number, q[1] as number);
      const factor = (rescale * wanted) / own + 1 - rescale;
      expect(eps.row(row).data[0]).toBeCloseTo((p[0] as number) * factor, 5);
    }
    expect(x0.data[0]).toBeCloseTo(epsToX0(at, eps, level).data[0] as number, 5);
  }
});

test.each([
  [{ scale: -1 }, "guidance: expected a scale of 0 or more, got -1"],
  [{ scale: Number.NaN }, "guidance: expected a scale"],
  [{ scale: 2, rescale: 1.5 }, "guidance rescale: expected a number from 0 to 1"],
  [{ scale: 2, interval: [2, 1] as const }, "guidance interval: expected two numbers that rise"],
])("what is no guidance is refused: %o", (guidance, message) => {
  expect(() => classifierFree(never, never, guidance)).toThrow(message);
});

describe("classifier guidance", () => {
  const classes = [
    { weight: 1, mean: [-1, 0], deviation: 0.4 },
    { weight: 2, mean: [0.8, 0.5], deviation: 0.5 },
  ];
  const [all, one] = [gaussianMixture(classes), gaussianMixture(classes.slice(1))];
  const points = NDArray.of([0.2, -0.4, -0.9, 0.3], [2, 2]);
  /** ∇ ln p(y | x_t) = ∇ ln p(x_t | y) − ∇ ln p(x_t): a score is (α x0 − x) / σ². */
  const gradient = async (x: NDArray, at: Level) => {
    const [mine, any] = [await one.denoiser(x, at), await all.denoiser(x, at)];
    return mine.x0.sub(any.x0).mul(at.alpha / at.sigma ** 2);
  };

  test("of scale 1 by the true classifier gives the class' own denoiser", async () => {
    const [got, want] = [
      await classifierGuided(all.denoiser, gradient, 1)(points, level),
      await one.denoiser(points, level),
    ];
    for (const part of ["x0", "eps"] as const)
      for (const [i, value] of (got[part] as NDArray).data.entries())
        expect(value).toBeCloseTo((want[part] as NDArray).data[i] as number, 5);
  });

  test("moves the mean of an ancestral step by s Σ ∇ ln p, taken at the mean unless told otherwise", async () => {
    const [from, to] = [level, { alpha: 0.7, sigma: Math.sqrt(0.51), t: 9 }];
    const seen: [number, number][] = [];
    const watched = async (x: NDArray, at: Level) => {
      seen.push([at.t, x.data[0] as number]);
      return NDArray.full(x.shape, 1);
    };
    const args = {
      x: points,
      from,
      to,
      denoise: all.denoiser,
      noise: () => NDArray.zeros([2, 2]),
      memory: undefined,
    };
    const plain = (await ancestral().step(args)).x;
    for (const at of ["mean", "start"] as const) {
      const guidance = { gradient: watched, scale: 3, at };
      const moved = (await ancestral({ guidance }).step(args)).x;
      const shift = 3 * posteriorVariance(from, to);
      expect(moved.data[0]).toBeCloseTo((plain.data[0] as number) + shift, 6);
    }
    expect(seen).toEqual([
      [9, plain.data[0]],
      [10, points.data[0]],
    ]);
  });

  test("of a batch is that of each alone", async () => {
    const guidedDenoiser = classifierGuided(all.denoiser, gradient, 2);
    const batch = await guidedDenoiser(points, level);
    expect(batch.x0.rows(1, 2)).toEqual((await guidedDenoiser(points.rows(1, 2), level)).x0);
  });
});
