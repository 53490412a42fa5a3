import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import {
  applyUpdate,
  clipFactor,
  type FlatMemory,
  type OptimizerSpec,
  optimizerSchema,
  slotNames,
  sumOfSquares,
  type Update,
} from "../../src/optim/index.ts";
import { memories } from "./memories.ts";

// Both sides compute in float32, in another order, over 12 steps.
const tolerance = 1e-6;

interface Options {
  readonly lr: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weight_decay?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
}
interface Fixture {
  readonly start: readonly { readonly data: readonly number[] }[];
  readonly gradients: readonly (readonly number[])[][];
  readonly cases: Readonly<
    Record<
      string,
      {
        readonly optimizer: "SGD" | "Adam" | "AdamW";
        readonly options: Options;
        readonly clip: number | null;
        readonly parametersAfterStep: readonly (readonly number[])[][];
      }
    >
  >;
  readonly clipGradNorm: {
    readonly maxNorm: number;
    readonly steps: readonly { readonly norm: number; readonly gradients: readonly (readonly number[])[] }[];
  };
}
const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/optim.json", import.meta.url), "utf8"),
) as Fixture;

const expectClose = (got: Float32Array, expected: readonly number[]): void => {
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value)).toBeLessThanOrEqual(tolerance * largest);
  });
};

/** torch's options in our words. */
const specOf = (optimizer: string, { lr: _, weight_decay, ...options }: Options): OptimizerSpec =>
  optimizerSchema.parse({
    kind: optimizer.toLowerCase(),
    ...options,
    ...(weight_decay === undefined ? {} : { weightDecay: weight_decay }),
  });

const filled = (memory: FlatMemory, index: number, values: readonly number[]): Float32Array => {
  const buffer = memory.buffers[index] as Float32Array;
  buffer.set(values);
  return buffer;
};

describe.each(memories)("in the memory of %s,", (_, open) => {
  describe("twelve steps follow torch's", () => {
    test.each(Object.entries(fixture.cases))(
      "%s",
      async (_, { optimizer, options, clip, parametersAfterStep }) => {
        const spec = specOf(optimizer, options);
        const start = fixture.start.flatMap(({ data }) => data);
        const memory = open({ count: 3 + slotNames(spec).length, size: start.length });
        const [parameters, ema, slots] = [
          filled(memory, 0, start),
          filled(memory, 1, start),
          memory.buffers.slice(3),
        ];
        for (const [i, step] of fixture.gradients.entries()) {
          const gradients = filled(memory, 2, step.flat());
          const norm = Math.sqrt(await sumOfSquares(memory, gradients));
          const gradientScale = clip === null ? 1 : clipFactor(norm, clip);
          const constants = { gradientScale, learningRate: options.lr, emaDecay: 0.9, step: i + 1 };
          await applyUpdate(spec, { parameters, gradients, ema, slots, ...constants }, memory);
          expectClose(parameters, (parametersAfterStep[i] as number[][]).flat());
        }
      },
    );
  });

  describe("clipping by global norm follows torch's", () => {
    const { maxNorm, steps } = fixture.clipGradNorm;
    test.each(steps.map((step, i) => [i + 1, step] as const))("step %i", async (i, { norm, gradients }) => {
      const values = (fixture.gradients[i - 1] as number[][]).flat();
      const memory = open({ count: 1, size: values.length });
      const got = Math.sqrt(await sumOfSquares(memory, filled(memory, 0, values)));
      expect(Math.abs(got - norm)).toBeLessThanOrEqual(tolerance * norm);
      const factor = clipFactor(got, maxNorm);
      expectClose(
        Float32Array.from(values, (g) => factor * g),
        gradients.flat(),
      );
    });

    test("the fixture has steps on both sides of the limit", () => {
      expect(steps.some(({ norm }) => norm < maxNorm) && steps.some(({ norm }) => norm > maxNorm)).toBe(true);
    });
  });

  describe.each(["sgd", "adam", "adamw"] as const)("a step of %s", (kind) => {
    const spec = optimizerSchema.parse({
      kind,
      ...(kind === "sgd" ? { momentum: 0.9 } : {}),
      weightDecay: 0.1,
    });
    const size = 23;
    const random = new Generator(7);
    const contents = Array.from({ length: 5 }, () => random.uniform([size]).data);
    const constants = { gradientScale: 0.5, learningRate: 0.1, emaDecay: 0.75, step: 3 };
    const stepped = async (start: number, end: number): Promise<readonly Float32Array[]> => {
      const memory = open({ count: 3 + slotNames(spec).length, size });
      memory.buffers.forEach((buffer, i) => {
        buffer.set(contents[i] as Float32Array);
      });
      const [parameters, gradients, ema, ...slots] = memory.buffers.map((buffer) =>
        buffer.subarray(start, end),
      );
      await applyUpdate(spec, { parameters, gradients, ema, slots, ...constants } as Update, memory);
      return memory.buffers;
    };
    let whole: readonly Float32Array[];
    beforeAll(async () => {
      whole = await stepped(0, size);
    });

    test.each([
      [0, 0],
      [0, 1],
      [3, 5],
      [5, 12],
      [16, 20],
      [19, 23],
    ])("over [%i, %i) is that over the whole there, and changes nothing beside it", async (start, end) => {
      (await stepped(start, end)).forEach((buffer, k) => {
        const expected = Float32Array.from(contents[k] as Float32Array);
        expected.set((whole[k] as Float32Array).subarray(start, end), start);
        expect(buffer).toEqual(expected);
      });
      expect(whole[0]).not.toEqual(contents[0]);
    });

    test("moves the average towards the new parameters by 1 − decay", () => {
      const [parameters, , ema] = whole as [Float32Array, Float32Array, Float32Array];
      ema.forEach((average, i) => {
        const expected = 0.75 * (contents[2]?.[i] as number) + 0.25 * (parameters[i] as number);
        expect(Math.abs(average - expected)).toBeLessThanOrEqual(tolerance);
      });
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "a sum of squares over %d is not finite",
    async (value) => {
      const memory = open({ count: 1, size: 3 });
      expect(Number.isFinite(await sumOfSquares(memory, filled(memory, 0, [1, value, 2])))).toBe(false);
    },
  );

  test("the norm of large finite gradients is finite", async () => {
    const memory = open({ count: 1, size: 2 });
    const squares = await sumOfSquares(memory, filled(memory, 0, [3e38, 3e38]));
    expect(Math.abs(Math.sqrt(squares) / (3e38 * Math.SQRT2) - 1)).toBeLessThanOrEqual(tolerance);
  });

  test("a gradient of 0 moves nothing, even with the smallest eps", async () => {
    const spec = optimizerSchema.parse({ kind: "adam", eps: 2 ** -126 });
    const memory = open({ count: 5, size: 1 });
    const [parameters, gradients, ema, ...slots] = memory.buffers;
    const constants = { gradientScale: 1, learningRate: 0.1, emaDecay: 0.9, step: 1 };
    await applyUpdate(spec, { parameters, gradients, ema, slots, ...constants } as Update, memory);
    expect(memory.buffers.map(([value]) => value)).toEqual([0, 0, 0, 0, 0]);
  });
});

test("the defaults are PyTorch's", () => {
  expect(optimizerSchema.parse({ kind: "adamw" })).toEqual({
    kind: "adamw",
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0.01,
  });
  expect(optimizerSchema.parse({ kind: "adam" })).toMatchObject({ weightDecay: 0 });
  expect(optimizerSchema.parse({ kind: "sgd" })).toEqual({
    kind: "sgd",
    momentum: 0,
    nesterov: false,
    weightDecay: 0,
  });
});

test.each([
  [{ kind: "sgd", momentum: 1 }],
  [{ kind: "adam", betas: [0.9, 1] }],
  [{ kind: "adam", eps: 0 }],
  [{ kind: "adam", eps: 1e-46 }],
  [{ kind: "adamw", weightDecay: -1 }],
  [{ kind: "adam", momentum: 0.9 }],
  [{ kind: "lion" }],
])("%j is refused", (spec) => {
  expect(optimizerSchema.safeParse(spec).success).toBe(false);
});

test("plain SGD keeps no buffers", () => {
  expect(slotNames(optimizerSchema.parse({ kind: "sgd" }))).toEqual([]);
  expect(slotNames(optimizerSchema.parse({ kind: "sgd", momentum: 0.9 }))).toEqual(["velocity"]);
});
