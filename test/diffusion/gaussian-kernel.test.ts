import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  diffusionProcess,
  factorsAt,
  gaussianKernel,
  normalKl,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Tensor, trace } from "../../src/tensor/index.ts";

/** A few roundings of float32, of numbers of the order of 1. */
const SINGLE = 1e-5;

const process = diffusionProcess(
  scheduleSchema.parse({ num_train_timesteps: 9, beta_start: 0.02, beta_end: 0.5 }),
);
const kernel = gaussianKernel(process);
const one = (value: number) => NDArray.of([value], [1, 1, 1, 1]);

/** q(x_{t−1} | x_t, x_0) by precisions: of x_{t−1} given x_0, and of x_t given x_{t−1}. */
const bayes = (x0: number, x: number, t: number) => {
  const beta = process.betas[t] as number;
  const bar = process.betas.slice(0, t).reduce((product, each) => product * (1 - each), 1);
  const precision = 1 / (1 - bar) + (1 - beta) / beta;
  const mean = ((Math.sqrt(bar) * x0) / (1 - bar) + (Math.sqrt(1 - beta) * x) / beta) / precision;
  return { mean, variance: 1 / precision };
};
/** The step back by its definition. */
const learned = (x: number, a: number, b: number, t: number) => {
  const beta = process.betas[t] as number;
  const odds = (beta / (1 - beta)) * Math.exp(b / Math.sqrt(9));
  return { mean: Math.sqrt(1 - beta) * x + Math.sqrt(beta) * a, variance: odds / (1 + odds) };
};

const cases = [
  { t: 1, x0: 0.5, x: 0.7, a: 0, b: 0 },
  { t: 3, x0: -1, x: 0.2, a: -0.4, b: 1 },
  { t: 8, x0: 2, x: -0.5, a: 1.5, b: -2 },
];

describe("a learned Gaussian step", () => {
  it.each(cases)("diverges from the posterior as two normal distributions do: %j", ({ t, x0, x, a, b }) => {
    const [q, p] = [bayes(x0, x, t), learned(x, a, b, t)];
    const want = normalKl(q.mean - p.mean, q.variance, p.variance);
    const parts = { x0: one(x0), x: one(x), said: [one(a), one(b)] };
    expect(Math.abs(kernel.divergence(parts, factorsAt(kernel, [t])).item() - want)).toBeLessThan(SINGLE);
  });

  it("diverges in a graph as it does on the host", async () => {
    const times = cases.map(({ t }) => t);
    const column = (of: (row: (typeof cases)[number]) => number) => NDArray.of(cases.map(of), [3, 1, 1, 1]);
    const values = {
      ...{ x0: column((row) => row.x0), x: column((row) => row.x) },
      ...{ a: column((row) => row.a), b: column((row) => row.b) },
      ...factorsAt(kernel, times),
    };
    const graph = trace(values, (feeds) => {
      const { x0, x, a, b } = feeds as Record<"x0" | "x" | "a" | "b", Tensor>;
      return { nats: kernel.divergence({ x0, x, said: [a, b] }, feeds as Record<string, Tensor>) };
    });
    const run = await compile(graph, { worker: false });
    // What only the noise and the step need the divergence leaves aside.
    const feeds = Object.fromEntries(Object.entries(values).filter(([name]) => graph.inputs.has(name)));
    const { nats } = await run(feeds);
    await run.close();
    const { x0, x, a, b } = values;
    const host = kernel.divergence({ x0, x, said: [a, b] }, factorsAt(kernel, times));
    host.data.forEach((want, i) => {
      expect(Math.abs((nats?.data[i] as number) - want)).toBeLessThan(SINGLE);
    });
  });

  it("is drawn from the distribution whose divergence is measured", () => {
    const n = 20_000;
    const [a, b, t, x] = [0.6, -1, 4, 0.3];
    const generators = [new Generator(3)];
    const all = (value: number) => NDArray.full([1, n, 1, 1], value);
    const step = kernel.step(all(x), [all(a), all(b)], { factors: factorsAt(kernel, [t]), generators });
    const { mean, variance } = learned(x, a, b, t);
    expect(Math.abs((step.mean.data[0] as number) - mean)).toBeLessThan(SINGLE);
    const errors = step.x.sub(mean);
    expect(Math.abs(errors.mean().item())).toBeLessThan(4 * Math.sqrt(variance / n)); // four standard errors
    const spread = errors.mul(errors).mean().item();
    expect(Math.abs(spread / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });
});

it("noised data are those of the process", () => {
  const t = 5;
  const x0 = NDArray.full([4, 5000, 1, 1], 2);
  const x = kernel.noised(x0, factorsAt(kernel, [t, t, t, t]), new Generator(1));
  const { alpha, sigma } = process.level(t);
  expect(Math.abs(x.mean().item() - 2 * alpha)).toBeLessThan((4 * sigma) / Math.sqrt(20_000));
});

it("the fixed step's cost is that of its density, on average over the noise", () => {
  const beta = process.betas[0] as number;
  const x0 = 0.8;
  const noise = new Generator(5).normal([40_000]).data;
  const costs = Array.from(noise, (eps) => {
    const x1 = Math.sqrt(1 - beta) * x0 + Math.sqrt(beta) * eps;
    return 0.5 * (Math.log(2 * Math.PI * beta) + (x0 - Math.sqrt(1 - beta) * x1) ** 2 / beta);
  });
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
  // The cost is a chi-square's half: its variance is about ½.
  expect(Math.abs(mean - kernel.ends(x0).fixed)).toBeLessThan(4 * Math.sqrt(0.5 / costs.length));
});
