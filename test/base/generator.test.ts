import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ArgumentError, Generator, type NDArray } from "../../src/base/index.ts";

// Normals may differ from torch's by this much: libraries round cosines and logarithms differently.
const normalTolerance = 3e-7;
// The sums over a long draw are exact in float64 up to the values' own error.
const sumTolerance = (count: number, weight: number) => count * weight * normalTolerance;

interface Draw {
  readonly kind: "rand" | "randn" | "randint" | "randperm";
  readonly shape: readonly number[];
  readonly low?: number;
  readonly high?: number;
  readonly values?: readonly number[];
  readonly first?: readonly number[];
  readonly sum?: number;
  readonly sumAbs?: number;
  readonly sumByIndex?: number;
}
interface Fixture {
  readonly seeds: readonly { seed: number; sequences: Readonly<Record<string, readonly Draw[]>> }[];
}
const { seeds } = JSON.parse(
  readFileSync(new URL("../fixtures/rng.json", import.meta.url), "utf8"),
) as Fixture;

const make: Readonly<Record<Draw["kind"], (generator: Generator, draw: Draw) => NDArray>> = {
  rand: (generator, { shape }) => generator.uniform(shape),
  randn: (generator, { shape }) => generator.normal(shape),
  randint: (generator, { shape, low, high }) => generator.integers(low as number, high as number, shape),
  randperm: (generator, { shape }) => generator.permutation(shape[0] as number),
};

const expectDraw = (draw: Draw, { data }: NDArray): void => {
  const expected = draw.values ?? draw.first ?? [];
  const got = [...data.slice(0, expected.length)];
  if (draw.kind === "randn")
    expected.forEach((value, i) => {
      expect(Math.abs((got[i] as number) - value)).toBeLessThanOrEqual(normalTolerance);
    });
  else expect(got).toEqual(expected.map((value) => (draw.kind === "rand" ? Math.fround(value) : value)));
  if (draw.sum !== undefined) expectSums(draw, [...data]);
};

const expectSums = ({ kind, sum, sumAbs, sumByIndex }: Draw, values: readonly number[]): void => {
  const total = (f: (value: number, i: number) => number) =>
    values.reduce((running, value, i) => running + f(value, i), 0);
  const slack = kind === "randn" ? sumTolerance(values.length, 1) : 0;
  expect(Math.abs(total((x) => x) - (sum as number))).toBeLessThanOrEqual(slack);
  expect(Math.abs(total(Math.abs) - (sumAbs as number))).toBeLessThanOrEqual(slack);
  expect(Math.abs(total((x, i) => x * i) - (sumByIndex as number))).toBeLessThanOrEqual(
    slack * values.length,
  );
};

describe.each(seeds)("seed $seed draws what torch draws", ({ seed, sequences }) => {
  test.each(Object.entries(sequences))("%s", (_, draws) => {
    const generator = new Generator(seed);
    for (const draw of draws) expectDraw(draw, make[draw.kind](generator, draw));
  });
});

test("a restored generator continues exactly, the cached half of a normal pair included", () => {
  const generator = new Generator(3);
  generator.normal([3]);
  expect(generator.state.cachedNormal).not.toBeNull();
  const state = JSON.parse(JSON.stringify(generator.state));
  const rest = generator.normal([40]);
  const single = generator.normal([5]);
  const restored = Generator.restore(state);
  expect(restored.normal([40]).data).toEqual(rest.data);
  expect(restored.normal([5]).data).toEqual(single.data);
});

test("a state is a copy that later draws do not change", () => {
  const generator = new Generator(3);
  const { state } = generator;
  const words = [...state.words];
  generator.uniform([700]);
  expect(state.words).toEqual(words);
});

test("a damaged state is refused", () => {
  expect(() => Generator.restore({ words: [1, 2], position: 0, cachedNormal: null })).toThrow(
    "Generator.restore: expected 624 words, got 2",
  );
});

test.each([-1, 0.5, Number.NaN, 2 ** 53])("seed %d is refused", (seed) => {
  expect(() => new Generator(seed)).toThrow(ArgumentError);
});

test.each([
  [3, 3],
  [0, 0.5],
  [0, 2 ** 31 + 1],
  [-(2 ** 31) - 1, 0],
])("integers in [%d, %d) are refused", (low, high) => {
  expect(() => new Generator(0).integers(low, high, [1])).toThrow(ArgumentError);
});

test("integers over all of int32 stay in range and reach both halves", () => {
  const { data } = new Generator(5).integers(-(2 ** 31), 2 ** 31, [100]);
  expect(data.some((x) => x > 2 ** 30)).toBe(true);
  expect(data.some((x) => x < -(2 ** 30))).toBe(true);
});

test("the modulus of a wide range counts all 64 bits, the first word high", () => {
  const range = 3 * 2 ** 28 + 1;
  const words = new Generator(9);
  const [high, low] = [words.nextWord(), words.nextWord()];
  const expected = Number(((BigInt(high) << 32n) + BigInt(low)) % BigInt(range));
  expect(new Generator(9).integers(0, range, []).item()).toBe(expected);
});

test("a permutation holds each number once", () => {
  const { data } = new Generator(1).permutation(257);
  expect([...data].sort((a, b) => a - b)).toEqual(Array.from({ length: 257 }, (_, i) => i));
});

test.each([-1, 1.5, 214748364])("a permutation of %d is refused", (n) => {
  expect(() => new Generator(0).permutation(n)).toThrow("permutation: expected a whole number");
});
