import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  applyUpdate,
  clipByGlobalNorm,
  globalNorm,
  type OptimizerSpec,
  optimizerSchema,
  slotNames,
} from "../../src/optim/index.ts";

// Both sides store float32 after each of 12 steps; torch rounds inside a step as well.
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

describe("twelve steps follow torch's", () => {
  test.each(Object.entries(fixture.cases))("%s", (_, { optimizer, options, clip, parametersAfterStep }) => {
    const spec = specOf(optimizer, options);
    const parameters = Float32Array.from(fixture.start.flatMap(({ data }) => data));
    const slots = slotNames(spec).map(() => new Float32Array(parameters.length));
    fixture.gradients.forEach((step, i) => {
      const gradients = Float32Array.from(step.flat());
      if (clip !== null) clipByGlobalNorm(gradients, globalNorm(gradients), clip);
      applyUpdate(spec, { parameters, gradients, slots, learningRate: options.lr, step: i + 1 });
      expectClose(parameters, (parametersAfterStep[i] as number[][]).flat());
    });
  });
});

describe("clipping by global norm follows torch's", () => {
  const { maxNorm, steps } = fixture.clipGradNorm;
  test.each(steps.map((step, i) => [i + 1, step] as const))("step %i", (i, { norm, gradients }) => {
    const got = Float32Array.from((fixture.gradients[i - 1] as number[][]).flat());
    expect(Math.abs(globalNorm(got) - norm)).toBeLessThanOrEqual(tolerance * norm);
    clipByGlobalNorm(got, globalNorm(got), maxNorm);
    expectClose(got, gradients.flat());
  });

  test("the fixture has steps on both sides of the limit", () => {
    expect(steps.some(({ norm }) => norm < maxNorm) && steps.some(({ norm }) => norm > maxNorm)).toBe(true);
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("a norm over %d is not finite", (value) => {
  expect(Number.isFinite(globalNorm(Float32Array.of(1, value, 2)))).toBe(false);
});

test("the norm of large finite gradients is finite", () => {
  expect(globalNorm(Float32Array.of(3e38, 3e38))).toBeCloseTo(3e38 * Math.SQRT2, -33);
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
