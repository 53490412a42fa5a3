import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { openHeartbeat } from "../../src/data/heartbeat.ts";
import {
  binomialKernel,
  binomialProcess,
  chainBound,
  diffusionProcess,
  gaussianKernel,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import { exactBits, heartbeats, silent } from "./kernels.ts";

const generator = () => new Generator(1);
/** Standard errors that an average may be off. */
const ERRORS = 4;

describe("the bound of a binomial chain", () => {
  it("is the entropy of a single bit that the network knows all about", async () => {
    const process = binomialProcess({ steps: 12, rate: 0.5 });
    // Three ones of ten: sequences of one bit, of which each counts the same.
    const sequences = Array.from({ length: 10 }, (_, k) => [Number(k < 3)]);
    const x0 = NDArray.of(
      Array.from({ length: 4000 }, (_, k) => (k % 10 < 3 ? 1 : -1)),
      [4000, 1, 1, 1],
    );
    const network = exactBits(process, sequences);
    const { total, standardError } = await chainBound(x0, {
      kernel: binomialKernel(process),
      network,
      generator: generator(),
    });
    const entropy = -0.3 * Math.log2(0.3) - 0.7 * Math.log2(0.7);
    expect(standardError).toBeLessThan(0.02);
    expect(Math.abs(total - entropy)).toBeLessThan(ERRORS * standardError);
  });

  it.each([0.5, 0.2])(
    "comes to log₂ 5 for the heartbeat as steps get many, equilibrium at %f",
    async (rate) => {
      const { images } = openHeartbeat({ length: 10, period: 5, count: 200, seed: 7 });
      const bound = (steps: number) => {
        const process = binomialProcess({ steps, rate });
        const network = exactBits(process, heartbeats(10, 5));
        return chainBound(images, { kernel: binomialKernel(process), network, generator: generator() });
      };
      const [few, many] = [await bound(4), await bound(200)];
      const truth = Math.log2(5);
      // Bits that are drawn apart from each other cannot say all in four steps.
      expect(few.total).toBeGreaterThan(truth + ERRORS * few.standardError);
      expect(many.total).toBeGreaterThan(truth - ERRORS * many.standardError);
      // What 200 steps lose is of the order of a fiftieth of what 4 do.
      expect(many.total - truth).toBeLessThan(0.04 * (few.total - truth) + ERRORS * many.standardError);
      expect(many.prior).toBe(0);
    },
  );

  it("of a chain that learned nothing is a bit a bit, at equilibrium at ½", async () => {
    const process = binomialProcess({ steps: 5 });
    const x0 = NDArray.of(
      Array.from({ length: 3000 }, (_, k) => (k % 2 ? 1 : -1)),
      [3000, 1, 1, 1],
    );
    const { total, standardError } = await chainBound(x0, {
      kernel: binomialKernel(process),
      network: silent(1),
      generator: generator(),
    });
    expect(Math.abs(total - 1)).toBeLessThan(ERRORS * standardError);
  });
});

describe("the bound of a Gaussian chain", () => {
  const schedule = scheduleSchema.parse({ num_train_timesteps: 8, beta_start: 0.01, beta_end: 0.5 });
  const kernel = gaussianKernel(diffusionProcess(schedule));

  it("is the entropy of standard normal data for the chain of the process itself", async () => {
    const x0 = new Generator(2).normal([20_000, 1, 1, 1]);
    const { total, terms, standardError } = await chainBound(x0, {
      kernel,
      network: silent(2),
      generator: generator(),
    });
    expect(terms).toHaveLength(8);
    expect(Math.abs(total - 0.5 * Math.log2(2 * Math.PI * Math.E))).toBeLessThan(ERRORS * standardError);
  });

  it("is above it for data of another mean", async () => {
    const x0 = new Generator(2).normal([2000, 1, 1, 1]).add(1);
    const { total, standardError } = await chainBound(x0, {
      kernel,
      network: silent(2),
      generator: generator(),
    });
    // −log₂ p of N(0, 1) is ½ / ln 2 more, on average.
    const cost = 0.5 * Math.log2(2 * Math.PI * Math.E) + 0.5 / Math.LN2;
    expect(Math.abs(total - cost)).toBeLessThan(ERRORS * standardError);
  });
});

it("there is no bound of no samples", async () => {
  const kernel = binomialKernel(binomialProcess({ steps: 2 }));
  const bound = chainBound(NDArray.zeros([0, 3, 1, 1]), {
    kernel,
    network: silent(1),
    generator: generator(),
  });
  await expect(bound).rejects.toThrow("chainBound: expected at least one sample, got none");
});
