import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { gradients, Parameter, type Tensor } from "../../src/tensor/index.ts";
import {
  forecastMemory,
  readMetrics,
  runFolder,
  type Stage,
  type StageUpdate,
} from "../../src/train/index.ts";
import { eventsOf, lastOf, numbersOf, toyJob } from "./toy.ts";

const image = [1, 2, 2] as const;

/** An update of one weight a pixel towards a number. */
const towards = (name: string, weight: Parameter, changes: Partial<StageUpdate> = {}): StageUpdate => ({
  name,
  trains: [name],
  program: (n) => ({
    inputs: { x: { shape: [n, ...image] } },
    outputs({ x }) {
      const error = (x as Tensor).mul(0).add(weight).sub(1);
      return { losses: error.mul(error).mean([1, 2, 3]) };
    },
  }),
  draw: ({ images }) => ({ x: images }),
  ...changes,
});
const zeros = () => new Parameter(NDArray.zeros([1, ...image]));
const stageOf = (updates: readonly StageUpdate[], networks: Record<string, object>): Stage<null> => ({
  name: "several",
  networks,
  updates,
  async *generate() {},
});
const sgd = { kind: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const;
const constant = (peak: number) => ({ peak, warmup: 0, decay: "constant" }) as const;

describe("several updates of a stage", () => {
  it("are each made with their own optimizer and learning rate", async () => {
    const [a, b] = [zeros(), zeros()];
    const updates = [towards("a", a, { optimizer: sgd, learningRate: constant(0.5) }), towards("b", b)];
    const training = { steps: 4, clip: null, learningRate: constant(0.01), optimizer: { kind: "adam" } };
    const job = await toyJob({ stage: stageOf(updates, { a: { weight: a }, b: { weight: b } }), training });
    const { "model.a.weight": first = [], "model.b.weight": second = [] } = await numbersOf(
      lastOf(await eventsOf(job), "finished").path,
    );
    // Of a mean over four pixels: w ← w − 0.5 · 2 (w − 1) / 4, four times from 0.
    expect(first[0]).toBeCloseTo(1 - 0.75 ** 4, 5);
    expect(second[0]).toBeCloseTo(4 * 0.01, 4); // Adam's first steps have the length of the learning rate
    const steps = (await readMetrics(runFolder(job.folder))).map(({ losses }) =>
      Object.keys(losses as object),
    );
    expect(steps).toEqual(Array(4).fill(["a", "b"]));
    expect((await forecastMemory(job)).moments).toBe(2 * 8 * 4);
  });

  it("wait for what they draw", async () => {
    const a = zeros();
    const slow = towards("a", a, {
      draw: ({ images }) => new Promise((resolve) => setTimeout(() => resolve({ x: images }), 5)),
    });
    const job = await toyJob({ stage: stageOf([slow], { a: { weight: a } }), training: { steps: 2 } });
    expect(lastOf(await eventsOf(job), "finished").step).toBe(2);
  });
});

it("a loss may hold a gradient, as a penalty on it does", async () => {
  const weight = new Parameter(NDArray.full([1, ...image], 2));
  const penalised = towards("a", weight, {
    program: (n) => ({
      inputs: { x: { shape: [n, ...image] } },
      outputs({ x }) {
        const squares = (x as Tensor).mul(x as Tensor).mul(weight);
        const [slope] = gradients(squares.sum(), [x as Tensor]) as [Tensor]; // 2 w x
        return { losses: slope.mul(slope).sum([1, 2, 3]) }; // 4 w² x², whose gradient in w is 8 w x²
      },
    }),
    draw: ({ images }) => ({ x: images.mul(0).add(0.5) }),
    optimizer: sgd,
  });
  const training = { steps: 1, clip: null, learningRate: constant(0.1) };
  const job = await toyJob({ stage: stageOf([penalised], { a: { weight } }), training });
  const { "model.a.weight": moved = [] } = await numbersOf(lastOf(await eventsOf(job), "finished").path);
  expect(moved[0]).toBeCloseTo(2 - 0.1 * 8 * 2 * 0.25, 5);
});
