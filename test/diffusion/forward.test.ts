import { expect, test } from "vitest";
import { type Arithmetic, Generator, NDArray } from "../../src/base/index.ts";
import {
  diffusionProcess,
  epsToX0,
  guide,
  posterior,
  qSample,
  qStep,
  scheduleSchema,
  simpleLoss,
  x0ToEps,
} from "../../src/diffusion/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Named, type Tensor, trace } from "../../src/tensor/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));
const number = (value: number) => NDArray.of([value], [1]);

/** A thousand steps that each round to float32. */
const STEPS = 1e-5;

test("a thousand steps have the mean and variance of the one jump", () => {
  let mean = number(1);
  let variance = 0;
  for (const [t, beta] of process.betas.entries()) {
    mean = qStep(mean, beta, number(0));
    const scale = qStep(number(1), beta, number(0)).item();
    const noise = qStep(number(0), beta, number(1)).item();
    variance = scale ** 2 * variance + noise ** 2;
    const level = process.level(t);
    const jump = qSample(number(1), number(0), level).item();
    expect(Math.abs(mean.item() / jump - 1)).toBeLessThan(STEPS);
    expect(Math.abs(variance / qSample(number(0), number(1), level).item() ** 2 - 1)).toBeLessThan(STEPS);
  }
});

test("the mean of q(x_t | x_0) is √ᾱ_t x_0, not ᾱ_t x_0", () => {
  const alphaBar = process.alphaBars[499] as number;
  expect(qSample(number(1), number(0), process.level(499)).item()).toBeCloseTo(Math.sqrt(alphaBar), 6);
});

test("each sample may have its own level", () => {
  const generator = new Generator(0);
  const [x0, eps] = [generator.normal([3, 2, 2, 2]), generator.normal([3, 2, 2, 2])];
  const levels = [0, 400, 999].map((t) => process.level(t));
  const column = (values: readonly number[]) => NDArray.of(values, [3, 1, 1, 1]);
  const together = qSample(x0, eps, {
    alpha: column(levels.map(({ alpha }) => alpha)),
    sigma: column(levels.map(({ sigma }) => sigma)),
  });
  for (const [k, level] of levels.entries()) {
    const alone = qSample(x0.row(k), eps.row(k), level);
    for (const [i, value] of alone.data.entries()) expect(together.row(k).data[i]).toBeCloseTo(value, 6);
  }
});

/** The graph computes in float32 what arrays compute in float64 and round. */
const FLOAT32 = 1e-5;

/** Every formula of the layer on the same four operands. */
const formulas = <A extends Arithmetic<A>>(a: A, b: A, alpha: A, sigma: A): Record<string, A> => ({
  qSample: qSample(a, b, { alpha, sigma }),
  qStep: qStep(a, 0.3, b),
  posterior: posterior(a, b, process.level(400), process.level(300)).mean,
  epsToX0: epsToX0(a, b, { alpha, sigma }),
  x0ToEps: x0ToEps(a, b, { alpha, sigma }),
  simpleLoss: simpleLoss(a, b),
  guide: guide(a, b, 2.5),
});

test("every formula gives the same on traced tensors as on arrays", async () => {
  const generator = new Generator(5);
  const feeds = {
    a: generator.normal([2, 1, 3, 3]),
    b: generator.normal([2, 1, 3, 3]),
    alpha: NDArray.of([0.6, 0.8], [2, 1, 1, 1]),
    sigma: NDArray.of([0.8, 0.6], [2, 1, 1, 1]),
  };
  const specs = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, { shape }]));
  const traced = (inputs: Named<Tensor>) => {
    const { a, b, alpha, sigma } = inputs as Record<keyof typeof feeds, Tensor>;
    return formulas<Tensor>(a, b, alpha, sigma);
  };
  const run = await compile(trace(specs, traced), { worker: false });
  const results = await run(feeds);
  await run.close();
  for (const [name, want] of Object.entries(formulas(feeds.a, feeds.b, feeds.alpha, feeds.sigma))) {
    expect(results[name]?.shape, name).toEqual(want.shape);
    for (const [i, value] of want.data.entries())
      expect(Math.abs((results[name]?.data[i] as number) - value), name).toBeLessThan(
        FLOAT32 * Math.max(1, Math.abs(value)),
      );
  }
});
