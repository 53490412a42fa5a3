import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lower, portable, type Target } from "../../src/lower/index.ts";
import {
  flatLayout,
  Learner,
  type LearnerInit,
  type LearnerState,
  openLearner,
  optimizerSchema,
  type UpdateSpec,
} from "../../src/optim/index.ts";
import { gradients, Parameter, simplify, type Tensor, trace } from "../../src/tensor/index.ts";

// Gradients of a split batch are sums in another order: a few float32 roundings.
const orderTolerance = 1e-6;

const leaves = {
  weight: new Parameter(NDArray.of([0.5, -1, 2], [3, 1])),
  bias: new Parameter(NDArray.of([0.25])),
};
const parameters = new Map(Object.entries(leaves));
const layout = flatLayout(parameters);
const start = Float32Array.of(0.5, -1, 2, 0.25);

const targets: (readonly [string, Target])[] = [
  ["onnxruntime", portable],
  ...(host.nativeEngine() ? [["the native engine", { engine: "native", block: 1 }] as const] : []),
];

describe.each(targets)("on %s,", (_, target) => {
  /** mean((x·weight + bias − y)²) over a batch, with its gradients in the named parameters. */
  const model = (batch: number, names: readonly string[] = [...parameters.keys()]): Uint8Array =>
    lower(
      simplify(
        trace(
          { x: { shape: [batch, 3] }, y: { shape: [batch, 1] } },
          ({ x, y }) => {
            const { weight, bias } = leaves;
            const error = x.matmul(weight).add(bias).sub(y);
            const loss = error.mul(error).mean();
            const wrt = names.map((name) => parameters.get(name) as Tensor);
            const found = gradients(loss, wrt).map((g, i) => [`gradient.${names[i]}`, g] as const);
            return { loss, ...Object.fromEntries(found) };
          },
          parameters,
        ),
      ),
      { target },
    );

  const update = (batch: number, options: Partial<UpdateSpec> = {}): UpdateSpec => ({
    model: model(batch),
    entries: [0, 2],
    optimizer: optimizerSchema.parse({ kind: "adam" }),
    clip: null,
    ...options,
  });
  const init = (updates: readonly UpdateSpec[], state: Partial<LearnerState> = {}): LearnerInit => ({
    layout,
    updates,
    emaDecay: 0.9,
    state: { parameters: start.slice(), ...state },
    threads: 1,
  });

  const feed = (batch: number, seed: number) => {
    const generator = new Generator(seed);
    return { x: generator.normal([batch, 3]), y: generator.normal([batch, 1]) };
  };
  const request = (seed: number, batch = 4) => ({
    update: 0,
    feeds: [feed(batch, seed)],
    learningRate: 0.1,
  });

  describe("a step", () => {
    let learner: Learner;
    beforeAll(async () => {
      learner = await Learner.open(init([update(4)]));
    });
    afterAll(() => learner.close());

    test("gives the loss before it, moves every parameter, and counts", async () => {
      const { x, y } = feed(4, 1);
      const result = await learner.step(request(1));
      const errors = [0, 1, 2, 3].map((i) => {
        const row = x.row(i).data;
        const output = 0.5 * (row[0] as number) - (row[1] as number) + 2 * (row[2] as number) + 0.25;
        return output - (y.data[i] as number);
      });
      expect(result.applied).toBe(true);
      expect(result.loss).toBeCloseTo(errors.reduce((sum, e) => sum + e * e, 0) / 4, 5);
      const state = await learner.state();
      expect(state.parameters.every((p, i) => p !== start[i])).toBe(true);
      expect(state.steps).toEqual([1]);
    });

    test("moves the average by min(decay, (1 + t)/(10 + t))", async () => {
      const before = await learner.state();
      await learner.step(request(2));
      const after = await learner.state();
      const decay = 3 / 12;
      after.ema.forEach((average, i) => {
        const expected = decay * (before.ema[i] as number) + (1 - decay) * (after.parameters[i] as number);
        expect(average).toBeCloseTo(expected, 6);
      });
    });

    test.each([Number.NaN, Number.POSITIVE_INFINITY])("with %d in a batch changes nothing", async (value) => {
      const before = await learner.state();
      const bad = feed(4, 3);
      bad.x.data[5] = value;
      const result = await learner.step({ update: 0, feeds: [feed(4, 4), bad], learningRate: 0.1 });
      expect(result.applied).toBe(false);
      expect(Number.isFinite(result.loss)).toBe(false);
      expect(await learner.state()).toEqual(before);
    });

    test("after a refused one goes on as if it had not been", async () => {
      const undisturbed = await Learner.open(init([update(4)], await copyOf(learner)));
      const bad = feed(4, 3);
      bad.y.data[0] = Number.NaN;
      await learner.step({ update: 0, feeds: [bad], learningRate: 0.1 });
      for (const each of [learner, undisturbed]) await each.step(request(5));
      expect(await learner.state()).toEqual(await undisturbed.state());
      await undisturbed.close();
    });

    test("leaves the state that was read before alone", async () => {
      const before = await learner.state();
      const copy = structuredClone(before);
      await learner.step(request(6));
      expect(before).toEqual(copy);
    });
  });

  const copyOf = (learner: Learner): Promise<LearnerState> => learner.state();

  test("a finite loss with a gradient that is not finite changes nothing", async () => {
    const infinite = lower(
      trace(
        { x: { shape: [] } },
        ({ x }) => {
          const { weight, bias } = leaves;
          return { loss: x, "gradient.weight": weight.div(x.sub(x)), "gradient.bias": bias };
        },
        parameters,
      ),
      { target },
    );
    const learner = await Learner.open(init([update(4, { model: infinite })]));
    const before = await learner.state();
    const result = await learner.step({ update: 0, feeds: [{ x: NDArray.of([1], []) }], learningRate: 0.1 });
    expect(result).toMatchObject({ loss: 1, applied: false });
    expect(await learner.state()).toEqual(before);
    await learner.close();
  });

  test("two micro-batches are one batch of twice the size", async () => {
    const [whole, split] = await Promise.all([
      Learner.open(init([update(8)])),
      Learner.open(init([update(4)])),
    ]);
    for (let step = 0; step < 3; step++) {
      const { x, y } = feed(8, step);
      const halves = [0, 4].map((row) => ({ x: x.rows(row, row + 4), y: y.rows(row, row + 4) }));
      const one = await whole.step({ update: 0, feeds: [{ x, y }], learningRate: 0.1 });
      const two = await split.step({ update: 0, feeds: halves, learningRate: 0.1 });
      expect(Math.abs(one.loss - two.loss)).toBeLessThan(orderTolerance * one.loss);
      expect(Math.abs(one.gradientNorm - two.gradientNorm)).toBeLessThan(orderTolerance * one.gradientNorm);
    }
    const [a, b] = [await whole.state(), await split.state()];
    // Adam divides by the gradient's size, which lets a rounding count for more.
    a.parameters.forEach((value, i) => {
      expect(Math.abs(value - (b.parameters[i] as number))).toBeLessThan(100 * orderTolerance);
    });
    await Promise.all([whole.close(), split.close()]);
  });

  test("clipping bounds the step of SGD, and the norm reported is the one before", async () => {
    const sgd = { optimizer: optimizerSchema.parse({ kind: "sgd" }), clip: 0.01 };
    const learner = await Learner.open(init([update(4, sgd)]));
    const { gradientNorm } = await learner.step({ ...request(1), learningRate: 1 });
    const { parameters: moved } = await learner.state();
    expect(gradientNorm).toBeGreaterThan(0.01);
    expect(Math.hypot(...moved.map((p, i) => p - (start[i] as number)))).toBeCloseTo(0.01, 5);
    await learner.close();
  });

  test("a state continues a run bit for bit", async () => {
    const first = await Learner.open(init([update(4)]));
    for (const seed of [1, 2]) await first.step(request(seed));
    const second = await Learner.open(init([update(4)], structuredClone(await first.state())));
    for (const learner of [first, second]) await learner.step(request(3));
    expect(await second.state()).toEqual(await first.state());
    await Promise.all([first.close(), second.close()]);
  });

  test("two updates train their own entries with their own count", async () => {
    const updates = [
      update(4, { model: model(4, ["weight"]), entries: [0, 1] }),
      update(4, { model: model(4, ["bias"]), entries: [1, 2] }),
    ];
    const learner = await Learner.open(init(updates));
    await learner.step({ ...request(1), update: 1 });
    const { parameters: moved, ema, steps } = await learner.state();
    expect([...moved.subarray(0, 3)]).toEqual([...start.subarray(0, 3)]);
    expect([...ema.subarray(0, 3)]).toEqual([...start.subarray(0, 3)]);
    expect(moved[3]).not.toBe(start[3]);
    expect(steps).toEqual([0, 1]);
    await learner.close();
  });

  test("a loaded program reads the moving average, in a worker as here", async () => {
    const sum = lower(
      trace(
        { x: { shape: [] } },
        ({ x }) => {
          const { weight, bias } = leaves;
          return { y: weight.sum().add(bias.sum()).add(x) };
        },
        parameters,
      ),
      { target },
    );
    const state = { ema: Float32Array.of(1, 2, 3, 4) };
    const feeds = { x: { dtype: "float32", shape: [], data: Float32Array.of(100) } } as const;
    const here = await Learner.open(init([update(4)], state));
    await here.load("sum", sum);
    expect((await here.run("sum", feeds)).y?.data[0]).toBe(110);
    await expect(here.run("other", feeds)).rejects.toThrow('"other" was not loaded');
    await here.close();

    const remote = await openLearner(init([update(4)], state));
    await remote.call("load", "sum", sum);
    expect((await remote.call("run", "sum", feeds)).y?.data[0]).toBe(110);
    await remote.terminate();
  });

  test("opens every session where it is told to", async () => {
    const opening = vi.spyOn(host, "openSession");
    const learner = await Learner.open({ ...init([update(4), update(2)]), device: "cpu" });
    await learner.load("again", model(4));
    await learner.close();
    expect(opening.mock.calls.map(([, options]) => options)).toEqual(
      Array(3).fill({ threads: 1, device: "cpu" }),
    );
    opening.mockRestore();
  });
});
