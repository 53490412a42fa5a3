import { describe, expect, it } from "vitest";
import { Generator, NDArray, Streams } from "../../src/base/index.ts";
import { noiseProcesses, vpBetas } from "../../src/diffusion/index.ts";
import { DropoutMasks } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import {
  type DataShape,
  type Evaluate,
  type Frame,
  initialWeights,
  openEvaluate,
  parametersOf,
  type Stage,
  type StageUpdate,
} from "../../src/train/index.ts";
import { traceUpdate } from "../../src/train/program.ts";

const T = 4;
const points: DataShape = { form: "points", image: [2, 1, 1], classes: null };
const pictures: DataShape = { image: [1, 8, 8], classes: 3 };

const mlp = {
  kind: "mlp",
  generator: { width: 8, layers: 1, latents: 3 },
  discriminator: { width: 8, layers: 1 },
};
const unet = {
  generator: {
    latents: 5,
    mapping: 2,
    block_out_channels: [4, 8],
    layers_per_block: 1,
    down_block_types: ["DownBlock2D", "DownBlock2D"],
    up_block_types: ["UpBlock2D", "UpBlock2D"],
    norm_num_groups: 2,
  },
  discriminator: { channels: [4, 8], time: 8 },
};
const stageOf = (config: object, data: DataShape): Stage => {
  const recipe = parseRecipe<unknown>(
    {
      ...{ name: "tiny", system: "ddgan", data: { kind: "digits" } },
      ...{ config: { steps: T, ...config }, training: { steps: 1 }, sampling: {} },
    },
    "tiny",
  );
  return stagesOf(recipe, data)[0] as Stage;
};
/** Large enough to be seen beside the other losses. */
const PENALTY = 2;
const stage = stageOf({ network: mlp, penalty: PENALTY }, points);
const update = (name: string, of = stage): StageUpdate =>
  of.updates.find((each) => each.name === name) as StageUpdate;
const drawn = (name: string, n: number): Record<string, NDArray> =>
  update(name).draw({ images: NDArray.full([n, 2, 1, 1], 1) }, new Streams(2), {}) as Record<string, NDArray>;

/** Alphas and sigmas of the SDE's levels at t / T, which no code of the system has. */
const sde = noiseProcesses.vp();
const levelAt = (t: number) =>
  t < 0 ? { alpha: 1, sigma: 0 } : { alpha: sde.alpha((t + 1) / T), sigma: sde.sigma((t + 1) / T) };

/** q(x_s | x_t, x_0) of neighbours by Bayes' rule: precisions add. */
const bayes = (t: number) => {
  const [from, to] = [levelAt(t), levelAt(t - 1)];
  const keep = from.alpha / to.alpha;
  const step = from.sigma ** 2 - keep ** 2 * to.sigma ** 2;
  const precision = 1 / to.sigma ** 2 + keep ** 2 / step;
  return {
    towardsX0: to.alpha / to.sigma ** 2 / precision,
    towardsX: keep / step / precision,
    deviation: Math.sqrt(1 / precision),
  };
};

it.each([2, 4, 8])("the betas of %i steps are those of the SDE between its levels", (steps) => {
  const betas = vpBetas(steps);
  let bar = 1;
  for (const [k, beta] of betas.entries()) {
    bar *= 1 - beta;
    expect(bar).toBeCloseTo(sde.alpha((k + 1) / steps) ** 2, 9);
  }
});

describe("a ddgan's training batch", () => {
  const n = 20_000;
  const feeds = drawn("discriminator", n);
  const of = (name: string, i: number): number => feeds[name]?.data[i] as number;
  const rows = (t: number): number[] =>
    Array.from({ length: n }, (_, i) => i).filter((i) => of("t", i) === t);

  it("has both sides of a step: the noisier sample is told its own timestep, 0 to T − 1", () => {
    expect(new Set(feeds.t?.data)).toEqual(new Set([0, 1, 2, 3]));
    for (let t = 0; t < T; t++) {
      const at = rows(t);
      const [from, to] = [levelAt(t), levelAt(t - 1)];
      const average = (value: (i: number) => number): number =>
        at.reduce((sum, i) => sum + value(i), 0) / at.length;
      const four = 4 / Math.sqrt(at.length); // standard errors
      const cleaner = (i: number) => of("before", 2 * i) - to.alpha;
      const noisier = (i: number) => of("x", 2 * i) - from.alpha;
      expect(Math.abs(average(cleaner))).toBeLessThanOrEqual(four * to.sigma + 1e-6);
      expect(Math.abs(average(noisier))).toBeLessThan(four * from.sigma);
      expect(Math.abs(average((i) => cleaner(i) ** 2) - to.sigma ** 2)).toBeLessThanOrEqual(
        2 * four * to.sigma ** 2,
      );
      expect(Math.abs(average((i) => noisier(i) ** 2) - from.sigma ** 2)).toBeLessThan(
        2 * four * from.sigma ** 2,
      );
      // Of one x_0 and one noise: Cov(x_{t−1}, x_t) = α_t / α_{t−1} σ²_{t−1}.
      const together = average((i) => cleaner(i) * noisier(i));
      const wanted = (from.alpha / to.alpha) * to.sigma ** 2;
      expect(Math.abs(together - wanted)).toBeLessThanOrEqual(2 * four * to.sigma * from.sigma);
    }
  });

  it("at t = 0 compares with the data themselves, and leaves the posterior no variance", () => {
    for (const i of rows(0).slice(0, 20)) {
      expect(of("before", 2 * i)).toBe(1);
      expect([of("towardsX0", i), of("towardsX", i), of("deviation", i)]).toEqual([
        expect.closeTo(1, 6),
        0,
        0,
      ]);
    }
  });

  it.each([1, 2, 3])("has the posterior of Bayes' rule at t = %i", (t) => {
    const [i] = rows(t) as [number];
    const want = bayes(t);
    for (const name of ["towardsX0", "towardsX", "deviation"] as const)
      expect(of(name, i)).toBeCloseTo(want[name], 5);
  });
});

describe("a ddgan's losses", () => {
  const n = 4;
  const weights = initialWeights(stage);
  const lossOf = async (name: string, feeds: Record<string, NDArray>, of = stage): Promise<number> => {
    const graph = traceUpdate(update(name, of), {
      networks: of.networks,
      batch: n,
      dropout: new DropoutMasks(),
    });
    const run = await compile(graph, { worker: false });
    const loss = (await run({ ...Object.fromEntries(weights), ...feeds })).loss as NDArray;
    await run.close();
    return loss.item();
  };

  it("of the discriminator has R1: half the weight times the squared slope of D in x_{t−1}", async () => {
    const feeds = drawn("discriminator", n);
    const { evaluate, close } = openEvaluate(stage.networks, weights, { threads: 1 });
    const { discriminator } = stage.networks as unknown as {
      discriminator: { forward(...args: unknown[]): never };
    };
    const program = (batch: number) => ({
      inputs: { before: { shape: [batch, 2, 1, 1] }, x: { shape: [batch, 2, 1, 1] }, t: { shape: [batch] } },
      outputs: ({ before, x, t }: Record<string, unknown>) => ({
        logits: discriminator.forward(before, x, t),
      }),
    });
    const logits = async (shift: number, axis: number): Promise<NDArray> => {
      const before = feeds.before as NDArray;
      const moved = NDArray.of(
        Array.from(before.data, (value, i) => value + (i % 2 === axis ? shift : 0)),
        before.shape,
      );
      const { x, t } = feeds;
      return (await evaluate(program as never, { x, t, before: moved } as never)).logits as NDArray;
    };
    const h = 1e-2;
    let squares = 0;
    for (const axis of [0, 1]) {
      const slope = (await logits(h, axis)).sub(await logits(-h, axis)).mul(1 / (2 * h));
      squares += slope.mul(slope).sum().item();
    }
    await close();
    const without = stageOf({ network: mlp, penalty: 0 }, points);
    const weight = (await lossOf("discriminator", feeds)) - (await lossOf("discriminator", feeds, without));
    // Central differences of a smooth function, of logits with seven digits.
    expect(weight).toBeCloseTo((PENALTY / 2) * (squares / n), 5);
  });

  it("are ln 2 and 2 ln 2 for a discriminator that says 0 of everything", async () => {
    for (const name of weights.keys())
      if (name.startsWith("discriminator.linear_out."))
        weights.set(name, NDArray.zeros((weights.get(name) as NDArray).shape));
    expect(await lossOf("generator", drawn("generator", n))).toBeCloseTo(Math.LN2, 6);
    expect(await lossOf("discriminator", drawn("discriminator", n))).toBeCloseTo(2 * Math.LN2, 6);
  });
});

it("the two networks are trained apart", () => {
  const of = (each: Stage) => each.updates.map(({ name, trains }) => [name, ...trains]);
  expect(of(stage)).toEqual([
    ["discriminator", "discriminator"],
    ["generator", "generator"],
  ]);
  expect([...parametersOf(stage.networks).keys()].every((name) => /^(gen|discrimin)/.test(name))).toBe(true);
});

describe("a ddgan's samples", () => {
  /** A generator that says a hundredth of the first latent, everywhere. */
  const spy = () => {
    const calls: { t: number[]; z: NDArray; x: NDArray; labels: number[] }[] = [];
    const evaluate: Evaluate = async (_, feeds) => {
      const { x, z, t, labels } = feeds as Record<"x" | "z" | "t" | "labels", NDArray>;
      calls.push({ t: [...t.data], z, x, labels: [...(labels?.data ?? [])] });
      const [width, each] = [z.shape[1] as number, x.size / (x.shape[0] as number)];
      const said = (i: number): number => (z.data[width * Math.floor(i / each)] as number) / 100;
      return {
        x0: NDArray.of(
          Array.from({ length: x.size }, (_, i) => said(i)),
          x.shape,
        ),
      };
    };
    return { calls, evaluate };
  };
  const made = async (of: Stage, evaluate: Evaluate, request: object): Promise<Frame[]> => {
    const frames: Frame[] = [];
    for await (const frame of of.generate({ seed: 3, count: 2, sampling: {}, ...request }, evaluate, {}))
      frames.push(frame);
    return frames;
  };

  it("take T steps down from noise, each with fresh latents, and end with what the generator says", async () => {
    const { calls, evaluate } = spy();
    const frames = await made(stage, evaluate, {});
    expect(calls.map(({ t }) => t)).toEqual([3, 2, 1, 0].map((t) => [t, t]));
    const latents = calls.flatMap(({ z }) => z.split().map(({ data }) => data.join()));
    expect(new Set(latents).size).toBe(2 * T);
    expect(frames.at(-1)?.x.data).toEqual(frames.at(-1)?.denoised.data);
    expect(frames.at(-1)?.x.data[0]).toBeCloseTo((calls.at(-1)?.z.data[0] as number) / 100, 6);
  });

  it("step from x_t to the posterior's mean, with its deviation of noise", async () => {
    const { calls, evaluate } = spy();
    const count = 4000;
    await made(stage, evaluate, { count });
    const [first, second] = calls as [(typeof calls)[0], (typeof calls)[0]];
    const { towardsX0, towardsX, deviation } = bayes(3);
    const noise = Array.from({ length: 2 * count }, (_, i) => {
      const x0 = (first.z.data[3 * Math.floor(i / 2)] as number) / 100;
      return (
        ((second.x.data[i] as number) - towardsX0 * x0 - towardsX * (first.x.data[i] as number)) / deviation
      );
    });
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean(noise))).toBeLessThan(4 / Math.sqrt(noise.length));
    expect(Math.abs(mean(noise.map((value) => value ** 2)) - 1)).toBeLessThan(
      4 * Math.sqrt(2 / noise.length),
    );
  });

  it("are each their own in any batch", async () => {
    const all = (await made(stage, spy().evaluate, {})).at(-1)?.x as NDArray;
    const one = (await made(stage, spy().evaluate, { seed: 4, count: 1 })).at(-1)?.x as NDArray;
    expect(one.data).toEqual(all.rows(1, 2).data);
  });

  it("are of the classes asked for, of drawn ones where none are, and of known ones alone", async () => {
    const conditional = stageOf({ network: unet, conditioning: { kind: "class" } }, pictures);
    const [asked, drawn] = [spy(), spy()];
    await made(conditional, asked.evaluate, { labels: [2, 0] });
    expect(asked.calls.map(({ labels }) => labels)).toEqual(Array.from({ length: T }, () => [2, 0]));
    await made(conditional, drawn.evaluate, {});
    expect(drawn.calls[0]?.labels.every((label) => [0, 1, 2].includes(label))).toBe(true);
    await expect(made(conditional, spy().evaluate, { labels: [3, 0] })).rejects.toThrow(
      "labels: expected classes from 0 to 2, got 3",
    );
    await expect(made(stage, spy().evaluate, { labels: [0, 0] })).rejects.toThrow("labels: expected none");
  });
});

describe("a ddgan is refused", () => {
  it.each([
    [{ network: unet }, points, 'config.network: expected kind "mlp", for points, got "unet"'],
    [{ network: mlp }, pictures, 'config.network: expected kind "unet", for pictures, got "mlp"'],
    [{ network: mlp, conditioning: { kind: "class" } }, points, "expected images with classes"],
    [{ network: mlp, steps: 0 }, points, "config.steps"],
    [{ network: mlp, penalty: -1 }, points, "config.penalty"],
    [{ network: { ...unet, discriminator: { channels: [4, 4, 4, 4, 4] } } }, pictures, "divisible by 16"],
  ])("for %j", (config, data, message) => {
    expect(() => stageOf(config, data)).toThrow(message);
  });
});

it("a generator and a discriminator of pictures take a whole batch", async () => {
  const conditional = stageOf({ network: unet, conditioning: { kind: "class" } }, pictures);
  const batch = {
    images: new Generator(1).uniform([4, 1, 8, 8]),
    labels: NDArray.of([0, 1, 2, 0], [4], "int32"),
  };
  for (const each of conditional.updates) {
    const graph = traceUpdate(each, {
      networks: conditional.networks,
      batch: 4,
      dropout: new DropoutMasks(),
    });
    const run = await compile(graph, { worker: false });
    const feeds = (await each.draw(batch, new Streams(1), {})) as Record<string, NDArray>;
    const results = await run({ ...Object.fromEntries(initialWeights(conditional)), ...feeds });
    await run.close();
    const trained = [...graph.outputs.keys()].filter((name) => name.startsWith("gradient."));
    expect(trained.every((name) => name.startsWith(`gradient.${each.trains[0]}.`))).toBe(true);
    for (const array of Object.values(results)) expect(array.isFinite()).toBe(true);
  }
});
