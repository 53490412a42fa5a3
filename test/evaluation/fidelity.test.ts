import { describe, expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { psnr, ssim } from "../../src/evaluation/index.ts";
import { AGREEMENT, fixture, imagesOf } from "./sets.ts";

const flat = (level: number, shape = [1, 1, 16, 16]) => NDArray.full(shape, level, "uint8");

describe.each([
  ["psnr", psnr],
  ["ssim", ssim],
] as const)("%s", (name, measure) => {
  test.each(fixture.images)("agrees with scikit-image on $channels × $height × $width", (each) => {
    const [value = Number.NaN] = measure(...imagesOf(each));
    expect(Math.abs(value - each[name])).toBeLessThan(AGREEMENT * each[name]);
  });

  test("is symmetric, and one value a pair", () => {
    const [a, b] = imagesOf(fixture.images[1] as (typeof fixture.images)[1]);
    const both = measure(NDArray.concat([a, b]), NDArray.concat([b, a]));
    expect(both).toHaveLength(2);
    expect(both[0]).toBeCloseTo(both[1] as number, 12);
  });

  test.each([
    ["other sizes", flat(0), flat(0, [1, 1, 16, 17])],
    ["other numbers of images", flat(0), flat(0, [2, 1, 16, 16])],
    ["floats", flat(0), NDArray.zeros([1, 1, 16, 16])],
  ])("refuses %s", (_, a, b) => {
    expect(() => measure(a, b)).toThrow(/two times uint8 images \[n, c, h, w\] of one shape/);
  });
});

test("levels that differ by 1 everywhere have 20 log₁₀ 255 decibels, equal ones infinitely many", () => {
  expect(psnr(flat(10), flat(11))[0]).toBeCloseTo(20 * Math.log10(255), 12);
  expect(psnr(flat(10), flat(10))[0]).toBe(Infinity);
});

test("the similarity of equal images is 1, and of flat ones that of their levels", () => {
  expect(ssim(flat(10), flat(10))[0]).toBeCloseTo(1, 12);
  const c1 = 2.55 ** 2;
  expect(ssim(flat(10), flat(30))[0]).toBeCloseTo((2 * 300 + c1) / (1000 + c1), 9);
});

test("images smaller than a window are refused", () => {
  expect(() => ssim(flat(0, [1, 1, 10, 20]), flat(0, [1, 1, 10, 20]))).toThrow(
    /at least 11 × 11 pixels, got 10 × 20/,
  );
});
