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
import { ancestral, scoreOf } from "../../src/samplers/index.ts";

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

test("rescaling leaves an estimate without contrast as it is", async () => {
  const flat = NDArray.of([2, 2]);
  const { eps } = await classifierFree(predicting(flat), predicting(flat.mul(0.5)), {
    scale: 3,
    rescale: 0.7,
  })(x, level);
  expect([...(eps as NDArray).data]).toEqual([4, 4]);
});

test("a learned variance is the conditional estimate's", async () => {
  const learned = (eps: NDArray, variance: NDArray): Denoiser => {
    const denoiser = predicting(eps);
    return async (x, level) => ({ ...(await denoiser(x, level)), variance });
  };
  for (const rescale of [0, 0.5]) {
    const denoiser = classifierFree(learned(c, c), learned(u, u), { scale: 2, rescale });
    expect((await denoiser(x, level)).variance).toBe(c);
  }
});

test("in noise alone x0 is guided and nothing rescaled", async () => {
  const noise: Level = { alpha: 0, sigma: 1, t: 999 };
  const of =
    (x0: NDArray): Denoiser =>
    async (x) => ({ x0, eps: x });
  const { x0, eps } = await classifierFree(of(c), of(u), { scale: 3, rescale: 0.7 })(x, noise);
  expect(x0).toEqual(guide(u, c, 3));
  expect(eps).toEqual(x);
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

  /**
   * ∇ [(1 − s) ln p(x_t) + s ln p(x_t | y)] by central differences: of the density that is sharpened by p(y | x_t)^s, as
   * ln p(y | x_t) = ln p(x_t | y) − ln p(x_t) up to a constant.
   */
  const sharpened = (scale: number, at: Level): number[] => {
    const h = 2 ** -7;
    const log = (x: NDArray): number[] => {
      const [any, mine] = [all.logDensity(x, at), one.logDensity(x, at)];
      return Array.from(any, (value, k) => (1 - scale) * value + scale * (mine[k] as number));
    };
    return Array.from({ length: points.size }, (_, i) => {
      const moved = (by: number) =>
        log(
          NDArray.of(
            Array.from(points.data, (value, j) => value + (i === j ? by : 0)),
            [2, 2],
          ),
        );
      const row = Math.floor(i / 2);
      return ((moved(h)[row] as number) - (moved(-h)[row] as number)) / (2 * h);
    });
  };
  /** Of central differences, whose error is h² times a third derivative, by float32 estimates. */
  const SCORE_DIGITS = 2;

  test.each([0, 0.5, 1, 2, 5])(
    "of scale %f gives the score of the sharpened density, by the true classifier and free of one",
    async (scale) => {
      for (const at of [level, { alpha: 0.95, sigma: Math.sqrt(1 - 0.95 ** 2), t: 3 }]) {
        const wanted = sharpened(scale, at);
        for (const denoiser of [
          classifierGuided(all.denoiser, gradient, scale),
          classifierFree(one.denoiser, all.denoiser, scale),
        ]) {
          const score = scoreOf(await denoiser(points, at), points, at);
          for (const [i, value] of score.data.entries())
            expect(value).toBeCloseTo(wanted[i] as number, SCORE_DIGITS);
        }
      }
    },
  );

  test("asks no classifier about noise alone, and keeps what the network says of the variance", async () => {
    const variance = NDArray.zeros([2, 2]);
    const learned: Denoiser = async (x, at) => ({ ...(await all.denoiser(x, at)), variance });
    const guided = classifierGuided(learned, gradient, 2);
    expect((await guided(points, level)).variance).toBe(variance);
    const blind = classifierGuided(learned, async () => expect.fail("asked"), 2);
    const noise = { alpha: 0, sigma: 1, t: 999 };
    expect((await blind(points, noise)).x0).toEqual((await all.denoiser(points, noise)).x0);
  });

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

  test("of the mean of a batch is that of each alone", async () => {
    const to = { alpha: 0.7, sigma: Math.sqrt(0.51), t: 9 };
    for (const at of ["mean", "start"] as const) {
      const guidedStep = (x: NDArray) =>
        ancestral({ guidance: { gradient, scale: 2, at } }).step({
          x,
          from: level,
          to,
          denoise: all.denoiser,
          noise: () => NDArray.zeros(x.shape),
          memory: undefined,
        });
      expect((await guidedStep(points)).x.rows(1, 2)).toEqual((await guidedStep(points.rows(1, 2))).x);
    }
  });
});
