import { expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";

// Normals may differ from torch's by this much: cosines and logarithms of other libraries (schedulers C.4).
const normalTolerance = 3e-7;

test("fewer than 16 normals are torch's to 3e-7", () => {
  const expected = [
    1.54099607, -0.2934289, -2.17878938, 0.56843126, -1.08452237, -1.39859545, 0.40334684, 0.83802634,
  ];
  const got = new Generator(0).normal([8]).data;
  expected.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value)).toBeLessThan(normalTolerance);
  });
});

test("16 and more normals are torch's to 3e-7", () => {
  const got = new Generator(0).normal([4, 3, 8, 8]);
  [-1.12583983, -1.1523602, -0.25057858, -0.43387881].forEach((value, i) => {
    expect(Math.abs((got.data[i] as number) - value)).toBeLessThan(normalTolerance);
  });
  expect(got.sum().item()).toBeCloseTo(47.871552, 3);
  expect(got.abs().sum().item()).toBeCloseTo(622.952462, 3);
});
