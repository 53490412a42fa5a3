import { beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, Generator, NDArray, Streams } from "../../src/base/index.ts";
import { makeDataset } from "../../src/data/index.ts";
import { resnetDiscriminator } from "../../src/models/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { klToPrior } from "../../src/systems/vae.ts";
import { gradients, type Tensor, trace } from "../../src/tensor/index.ts";
import {
  initialWeights,
  type OpenStage,
  openEvaluate,
  openStage,
  parametersOf,
  type Stage,
  type StageUpdate,
} from "../../src/train/index.ts";
import { eventsOf, lastOf, numbersOf, toyJob } from "../train/toy.ts";

const image = [1, 8, 8] as const;
const networks = {
  gan: { latents: 4, channels: 4, maxChannels: 8, blocks: 1, share: 0.5 },
  vae: { latents: 4, channels: [4, 8], norm_num_groups: 2 },
} as const;
type Name = keyof typeof networks;

const stageOf = (
  system: Name,
  { conditioning = { kind: "class" }, config = {} }: { conditioning?: object; config?: object } = {},
): Stage => {
  const recipe = parseRecipe<unknown>(
    {
      name: "tiny",
      system,
      data: { kind: "digits" },
      config: { network: networks[system], conditioning, ...config },
      training: { steps: 1 },
      sampling: {},
    },
    "tiny",
  );
  const [stage] = stagesOf(recipe, { image, classes: 3 });
  return stage as Stage;
};
const batch = (n: number) => ({
  images: new Generator(5)
    .uniform([n, ...image])
    .mul(2)
    .sub(1),
  labels: NDArray.of(
    Array.from({ length: n }, (_, k) => k % 3),
    [n],
    "int32",
  ),
});

describe.each<Name>(["gan", "vae"])("a %s", (system) => {
  let open: OpenStage;
  beforeAll(() => {
    const stage = stageOf(system);
    open = openStage(stage, initialWeights(stage), { threads: 1 });
  });
  const made = async (request: object): Promise<NDArray> => {
    const whole = { seed: 3, count: 3, labels: [0, 1, 2], sampling: { temperature: 1 }, ...request };
    let x = NDArray.zeros([0]);
    for await (const frame of open.generate(whole)) x = frame.x;
    return x;
  };

  it("makes image k of seed + k and its class alone", async () => {
    const all = await made({});
    expect(all.shape).toEqual([3, ...image]);
    const last = await made({ seed: 5, count: 1, labels: [2] });
    last.data.forEach((value, i) => {
      expect(value).toBeCloseTo(all.row(2).data[i] as number, 5);
    });
    expect((await made({ labels: [1, 2, 0] })).data).not.toEqual(all.data);
  });

  it("draws a class for images of none in particular", async () => {
    const drawn = await made({ labels: undefined });
    expect(drawn.shape).toEqual([3, ...image]);
    expect((await made({ labels: undefined })).data).toEqual(drawn.data);
  });

  it("makes one image of all noise at temperature 0", async () => {
    const x = await made({ labels: [1, 1, 1], sampling: { temperature: 0 } });
    x.row(0).data.forEach((value, i) => {
      expect(value).toBeCloseTo(x.row(2).data[i] as number, 5);
    });
  });

  it("begins with noise, and knows its classes", async () => {
    await expect(made({ labels: [0, 3, 1] })).rejects.toThrow("labels: expected classes from 0 to 2, got 3");
    await expect(made({ start: { kind: "given", x: NDArray.zeros([3, ...image]) } })).rejects.toThrow(
      `${system}: expected noise to begin with, got given`,
    );
  });

  it("is for pictures, of a size that it can halve, and with classes where it is told of them", () => {
    const recipe = (conditioning: object) =>
      parseRecipe<unknown>(
        {
          name: "tiny",
          system,
          data: { kind: "digits" },
          config: { network: networks[system], conditioning },
          training: { steps: 1 },
          sampling: {},
        },
        "tiny",
      );
    const none = { kind: "none" };
    expect(() => stagesOf(recipe(none), { form: "points", image: [2, 1, 1], classes: null })).toThrow(
      /pictures, got points/,
    );
    expect(() => stagesOf(recipe(none), { image: [1, 9, 9], classes: null })).toThrow(ArgumentError);
    expect(() => stagesOf(recipe({ kind: "class" }), { image, classes: null })).toThrow(
      /images with classes/,
    );
  });

  it("trains, resumes and previews as any stage does", async () => {
    const dataset = makeDataset({
      name: "noise",
      images: new Generator(1).integers(0, 256, [16, ...image]).cast("uint8"),
      labels: NDArray.of(
        Array.from({ length: 16 }, (_, k) => k % 3),
        [16],
        "int32",
      ),
      classes: ["a", "b", "c"],
      skipped: [],
    });
    const job = (changes: object) =>
      toyJob({
        stage: stageOf(system) as never,
        dataset,
        sampling: { temperature: 1 } as never,
        training: { steps: 4, batch: 4, heldOut: 0.25 },
        ...changes,
      });
    const whole = await eventsOf(await job({}));
    expect(whole.map(({ kind }) => kind)).toContain("preview");
    const first = await job({});
    await eventsOf(first, 2);
    const resumed = await eventsOf(await job({ folder: first.folder, resume: true }));
    expect(await numbersOf(lastOf(resumed, "finished").path)).toEqual(
      await numbersOf(lastOf(whole, "finished").path),
    );
  });
});

const lossesOf = async (stage: Stage, update: StageUpdate, n: number): Promise<number[]> => {
  const { evaluate, close } = openEvaluate(stage.networks, initialWeights(stage), { threads: 1 });
  const { losses } = await evaluate(update.program, await update.draw(batch(n), new Streams(0), {}));
  await close();
  return [...(losses as NDArray).data];
};

describe("a gan's losses", () => {
  it("train each network by the other, which stays as it is", () => {
    const [telling, making] = stageOf("gan").updates as [StageUpdate, StageUpdate];
    expect([telling.trains, making.trains]).toEqual([["discriminator"], ["generator"]]);
  });

  it("of the discriminator hold γ/2 of the squared gradient at real images", async () => {
    const random = new Streams(0).get("weights of the discriminator");
    const net = resnetDiscriminator(networks.gan, { image, classes: 3 }, random);
    const own = parametersOf({ net });
    const graph = trace(
      { x: { shape: [2, ...image] }, labels: { shape: [2], dtype: "int32" } },
      ({ x, labels }) => {
        const [slope] = gradients(net.forward(x as Tensor, labels).sum(), [x as Tensor]) as [Tensor];
        return { norms: slope.mul(slope).sum([1, 2, 3]) };
      },
      own,
    );
    const run = await compile(graph, {
      weights: new Map([...own].map(([name, { value }]) => [name, value])),
    });
    const { images, labels } = batch(2);
    const { norms } = await run({ x: images, labels });
    await run.close();
    const of = async (penalty: number) => {
      const stage = stageOf("gan", { config: { penalty } });
      return lossesOf(stage, stage.updates[0] as StageUpdate, 2);
    };
    const [without, with6] = [await of(0), await of(6)];
    with6.forEach((loss, k) => {
      expect(loss - (without[k] as number)).toBeCloseTo(3 * (norms?.data[k] as number), 5);
    });
    expect(norms?.data[0]).toBeGreaterThan(0);
  });

  it("can have an optimizer and a learning rate each", () => {
    const optimizer = { kind: "adam", betas: [0, 0.9], eps: 1e-8, weightDecay: 0 };
    const stage = stageOf("gan", { config: { discriminator: { optimizer, learningRate: { peak: 4e-4 } } } });
    expect(stage.updates.map((update) => [update.optimizer, update.learningRate?.peak])).toEqual([
      [optimizer, 4e-4],
      [undefined, undefined],
    ]);
  });
});

describe("a vae's bound", () => {
  it("has the distance to the prior in closed form", async () => {
    const graph = trace({ mean: { shape: [2, 1] }, log: { shape: [2, 1] } }, ({ mean, log }) => ({
      kl: klToPrior(mean as Tensor, log as Tensor),
    }));
    const run = await compile(graph);
    const { kl } = await run({
      mean: NDArray.of([0, 2], [2, 1]),
      log: NDArray.of([0, Math.log(0.25)], [2, 1]),
    });
    await run.close();
    expect(kl?.data[0]).toBeCloseTo(0, 6);
    expect(kl?.data[1]).toBeCloseTo((4 + 0.25 - 1 - Math.log(0.25)) / 2, 5);
  });

  it("is in bits per dimension: of a decoder that says nothing, the cost of a normal distribution's pixels", async () => {
    const stage = stageOf("vae");
    const zero = new Map([...initialWeights(stage)].map(([name, value]) => [name, value.mul(0)]));
    const { evaluate, close } = openEvaluate(stage.networks, zero, { threads: 1 });
    const [update] = stage.updates as [StageUpdate];
    const feeds = (await update.draw(batch(6), new Streams(0), {})) as Record<string, NDArray>;
    const { losses } = await evaluate(update.program, feeds);
    await close();
    const x = feeds.x as NDArray;
    for (let k = 0; k < 6; k++) {
      const square = x.row(k).mul(x.row(k)).mean().item();
      const nats = (square + Math.log(2 * Math.PI)) / 2; // −ln N(x; 0, 1), and no distance to the prior
      expect(losses?.data[k]).toBeCloseTo(nats / Math.LN2 + 7, 4);
    }
    expect(Math.max(...x.data)).toBeLessThan(1);
    expect(Math.min(...x.data)).toBeGreaterThanOrEqual(-1);
  });

  it("weighs the distance with β in training, and with 1 where it is measured", async () => {
    const stage = stageOf("vae", { config: { beta: 5 } });
    const { updates, heldOut } = stage;
    const trained = await lossesOf(stage, updates[0] as StageUpdate, 2);
    const measured = await lossesOf(
      stage,
      { ...updates[0], ...heldOut, draw: (updates[0] as StageUpdate).draw } as StageUpdate,
      2,
    );
    const unweighted = stageOf("vae");
    const plain = await lossesOf(unweighted, unweighted.updates[0] as StageUpdate, 2);
    expect(measured[0]).toBeCloseTo(plain[0] as number, 5);
    expect(trained[0]).toBeGreaterThan(measured[0] as number);
  });
});
