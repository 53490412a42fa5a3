import { describe, expect, test } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { averagePool2d, input, maxPool2d, type PoolGeometry, vjp } from "../../src/tensor/index.ts";
import { type Doubles, interpret, toDoubles } from "./reference.ts";

/** Shares of a window are float32 constants, 6e-8 from theirs, of values near 5. */
const ROUNDING = 1e-6;

const pools = {
  max: { op: maxPool2d, join: (values: readonly number[]) => Math.max(...values) },
  average: {
    op: averagePool2d,
    join: (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length,
  },
} as const;

const cases: readonly (PoolGeometry & { readonly shape: readonly [number, number, number, number] })[] = [
  { kernel: 3, stride: 2, padding: 0, shape: [2, 3, 9, 7] },
  { kernel: 3, stride: 2, padding: 0, shape: [1, 2, 8, 10] },
  { kernel: 3, stride: 1, padding: 1, shape: [2, 2, 5, 4] },
  { kernel: 2, stride: 2, padding: 0, shape: [1, 1, 4, 6] },
  { kernel: 3, stride: 2, padding: 1, shape: [1, 2, 7, 6] },
  { kernel: 4, stride: 3, padding: 3, shape: [1, 1, 6, 8] },
  { kernel: 1, stride: 2, padding: 0, shape: [1, 1, 5, 3] },
];

/** The pixels of every window, in order, as windows over the image give them. */
const windowsOf = (x: NDArray, { kernel, stride, padding }: PoolGeometry): number[][] => {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const found: number[][] = [];
  for (let plane = 0; plane < n * c; plane++)
    for (let top = -padding; top + kernel <= h + padding; top += stride)
      for (let left = -padding; left + kernel <= w + padding; left += stride) {
        const window: number[] = [];
        for (let y = Math.max(top, 0); y < Math.min(top + kernel, h); y++)
          for (let z = Math.max(left, 0); z < Math.min(left + kernel, w); z++)
            window.push(x.data[(plane * h + y) * w + z] as number);
        found.push(window);
      }
  return found;
};

describe.each(Object.entries(pools))("%s pooling", (_, { op, join }) => {
  test.each(cases)(
    "with kernel $kernel, stride $stride and padding $padding over $shape is its loop",
    (each) => {
      // Shifted below zero, so that zeros around an image would be seen.
      const value = new Generator(each.kernel).normal([...each.shape]).sub(5);
      const x = input(each.shape);
      const [y] = interpret([op(x, each)], new Map([[x, toDoubles(value)]])) as [Doubles];
      const expected = windowsOf(value, each).map(join);
      expect(y.data).toHaveLength(expected.length);
      y.data.forEach((found, i) => {
        expect(Math.abs(found - (expected[i] as number))).toBeLessThan(ROUNDING);
      });
    },
  );

  test("has the gradient that differences give", () => {
    const geometry = { kernel: 3, stride: 2, padding: 1 };
    const value = toDoubles(new Generator(9).normal([1, 2, 5, 6]));
    const x = input(value.shape);
    const y = op(x, geometry);
    const dy = input(y.shape);
    const seed = toDoubles(new Generator(10).normal(y.shape));
    const [gradient] = vjp(y, [x], dy);
    if (!gradient) throw new Error("no gradient");
    const [found] = interpret(
      [gradient],
      new Map([
        [x, value],
        [dy, seed],
      ]),
    ) as [Doubles];
    const loss = (data: Float64Array): number => {
      const [out] = interpret([y], new Map([[x, { ...value, data }]])) as [Doubles];
      return out.data.reduce((sum, each, i) => sum + each * (seed.data[i] as number), 0);
    };
    const step = 1e-6;
    value.data.forEach((_, i) => {
      const moved = (by: number) => loss(value.data.map((each, j) => (j === i ? each + by : each)));
      const slope = (moved(step) - moved(-step)) / (2 * step);
      expect(Math.abs((found.data[i] as number) - slope)).toBeLessThan(1e-8);
    });
  });

  test.each([
    ["a window larger than the image", [1, 1, 2, 5], { kernel: 3, stride: 1, padding: 0 }],
    ["as much around as a window's side", [1, 1, 4, 4], { kernel: 2, stride: 1, padding: 2 }],
    ["stride 0", [1, 1, 4, 4], { kernel: 2, stride: 0, padding: 0 }],
    ["no batch axis", [1, 4, 4], { kernel: 2, stride: 1, padding: 0 }],
  ])("refuses %s", (_, shape, geometry) => {
    expect(() => op(input(shape), geometry)).toThrow(/^pooling: expected images/);
  });
});
