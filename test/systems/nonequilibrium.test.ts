import { describe, expect, it } from "vitest";
import { Generator, NDArray, Streams } from "../../src/base/index.ts";
import { binomialKernel, binomialProcess, factorsAt, saidIn } from "../../src/diffusion/index.ts";
import { nonequilibriumChain, parseRecipe, stagesOf } from "../../src/systems/index.ts";
import {
  type DataShape,
  type Evaluate,
  initialWeights,
  openStage,
  type StageUpdate,
} from "../../src/train/index.ts";

const bits: DataShape = { form: "bits", image: [6, 1, 1], classes: null };
const network = { kind: "mlp", width: 8, layers: 1 };
const recipeOf = (config: object) =>
  parseRecipe(
    {
      ...{
        name: "tiny",
        system: "nonequilibrium" as const,
        data: { kind: "heartbeat", length: 6, period: 3 },
      },
      ...{ config: { network, ...config }, training: { steps: 1 }, sampling: {} },
    },
    "tiny",
  );
const binomial = recipeOf({ diffusion: { kind: "binomial", steps: 10 } });
const chain = nonequilibriumChain(binomial.config, bits, 0);
const kernel = binomialKernel(binomialProcess({ steps: 10 }));
const images = new Generator(1).uniform([4, 6, 1, 1]).map((u) => (u < 0.3 ? 1 : -1));

describe("a learned chain", () => {
  it("draws every timestep of the chain, Gaussian ones from 1 on", () => {
    const times = (of: typeof chain, shape: readonly number[]) => {
      const { draw } = of.updates[0] as StageUpdate;
      const { t } = draw({ images: NDArray.full(shape, 1) }, new Streams(1), {}) as Record<string, NDArray>;
      return [...new Set(t?.data)].sort((a, b) => a - b);
    };
    expect(times(chain, [1000, 6, 1, 1])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const schedule = { num_train_timesteps: 5, beta_end: 0.5 };
    const gaussian = recipeOf({ diffusion: { kind: "gaussian", schedule } });
    const points: DataShape = { form: "points", image: [2, 1, 1], classes: null };
    expect(times(nonequilibriumChain(gaussian.config, points, 0), [1000, 2, 1, 1])).toEqual([1, 2, 3, 4]);
  });

  it("is trained on terms of its bound: their average over all timesteps is the bound's sum", async () => {
    const open = openStage(chain, initialWeights(chain), { threads: 1 });
    const { program, draw } = chain.heldOut as NonNullable<typeof chain.heldOut>;
    let sum = 0;
    for (let t = 0; t < 10; t++) {
      const feeds = (await draw({ images }, t, new Streams(3), {})) as Record<string, NDArray>;
      const { losses } = await open.evaluate(program, feeds);
      const { x, x0 } = feeds as Record<"x" | "x0", NDArray>;
      // What the network says of these very bits, through the chain's own equations on the host.
      let output = NDArray.zeros([0]);
      const listen: Evaluate = async (speaking, asked) => {
        const result = await open.evaluate(speaking, { ...asked, x });
        output = result.output as NDArray;
        return result;
      };
      await once(chain.bound({ images }, stopAfter(listen, t), new Streams(1)));
      const nats = kernel.divergence({ x0, x, said: saidIn(output, 1) }, factorsAt(kernel, [t]));
      const want = (nats.mean().item() * 10) / Math.LN2;
      expect(Math.abs((losses as NDArray).mean().item() - want)).toBeLessThan(1e-4 * Math.max(1, want));
      sum += (losses as NDArray).mean().item();
    }
    // Bits a coordinate, ten terms at a tenth each; another draw of the noise for each of four rows.
    const { total, standardError } = await chain.bound({ images }, open.evaluate, new Streams(9));
    expect(Math.abs((sum / 10) * 6 - total)).toBeLessThan(8 * standardError);
    await open.close();
  });

  it("makes bits of nothing but its own, one frame a step", async () => {
    const open = openStage(chain, initialWeights(chain), { threads: 1 });
    const frames = [];
    for await (const frame of open.generate({ seed: 1, count: 3, sampling: {} })) frames.push(frame);
    await open.close();
    expect(frames).toHaveLength(10);
    expect(new Set(frames.at(-1)?.x.data)).toEqual(new Set([-1, 1]));
  });

  it("begins with noise alone", async () => {
    const open = openStage(chain, initialWeights(chain), { threads: 1 });
    const start = { kind: "given", x: images } as const;
    await expect(open.generate({ seed: 1, count: 4, sampling: {}, start }).next()).rejects.toThrow(
      "chain: expected noise to begin with, got given",
    );
    await open.close();
  });
});

/** A bound that is broken off is no failure here. */
const once = async (bound: Promise<unknown>): Promise<void> => {
  await bound.catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error;
  });
};
class Enough extends Error {}
/** Evaluates up to timestep t and no further. */
const stopAfter =
  (evaluate: Evaluate, t: number): Evaluate =>
  async (program, feeds) => {
    const result = await evaluate(program, feeds);
    if (feeds.t?.data[0] === t) throw new Enough();
    return result;
  };

describe("a chain is refused", () => {
  it.each([
    [
      { diffusion: { kind: "binomial" } },
      "config.diffusion: expected bits, for binomial diffusion, got pictures",
    ],
  ])("of bits for pictures: %j", (config, message) => {
    expect(() => stagesOf(recipeOf(config), { image: [1, 8, 8], classes: null })).toThrow(message);
  });

  it.each([
    [{ diffusion: { kind: "binomial", rate: 1 } }, "config.diffusion.rate"],
    [{ diffusion: { kind: "binomial", steps: 0 } }, "config.diffusion.steps"],
    [{ diffusion: { kind: "poisson" } }, "config.diffusion"],
    [{}, "config.diffusion"],
  ])("for %j", (config, message) => {
    expect(() => recipeOf(config)).toThrow(message);
  });
});
