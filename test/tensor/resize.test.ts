import { describe, expect, test } from "vitest";
import { NDArray, ShapeError } from "../../src/base/index.ts";
import { averagePool, constant, input, maxPool, resizeBilinear } from "../../src/tensor/index.ts";
import { relativeDifference } from "./compare.ts";
import { evaluated, fixed, fixture, type Saved, saved } from "./fixture.ts";

/** torch computes in float32. */
const tolerance = 1e-6;

const image = constant(NDArray.of([1, 2, 5, 6, 3, 4, 7, 9], [1, 1, 2, 4]));

test("average pooling gives the mean of each square, max pooling its largest", () => {
  expect([...evaluated(averagePool(image, 2)).data]).toEqual([2.5, 6.75]);
  expect([...evaluated(maxPool(image, 2)).data]).toEqual([4, 9]);
});

test("pooling refuses images that squares do not fill", () => {
  expect(() => averagePool(input([1, 3, 4, 5]), 2)).toThrow(
    "averagePool: expected images [n, c, h, w] with h and w divisible by 2, got [1, 3, 4, 5]",
  );
  expect(() => maxPool(input([4, 4]), 2)).toThrow(ShapeError);
});

describe("bilinear resizing", () => {
  const cases = fixture.bilinear as readonly { x: Saved; size: [number, number]; y: Saved }[];
  test.each(cases)("agrees with torch, to $size", ({ x, size, y }) => {
    expect(relativeDifference(evaluated(resizeBilinear(fixed(x), size)), saved(y))).toBeLessThan(tolerance);
  });

  test("refuses what is no image", () => {
    expect(() => resizeBilinear(input([4, 4]), [2, 2])).toThrow(/\[n, c, h, w\], got \[4, 4\]/);
  });
});
