import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lerp, slerp } from "../../src/samplers/index.ts";

const [a, b] = [0, 1].map((seed) => new Generator(seed).normal([3, 400])) as [NDArray, NDArray];
const norm = (x: NDArray) => Math.sqrt(x.mul(x).sum().item());

test("both ways start at a and end at b", () => {
  for (const way of [lerp, slerp])
    for (const [share, end] of [
      [0, a],
      [1, b],
    ] as const)
      for (const [i, value] of way(a, b, share).data.entries())
        expect(value).toBeCloseTo(end.data[i] as number, 5);
});

test("halfway the straight line is too short by √2, the great circle keeps each row's length", () => {
  for (const row of [0, 1, 2]) {
    const length = (norm(a.row(row)) + norm(b.row(row))) / 2;
    expect(Math.abs(norm(lerp(a, b, 0.5).row(row)) / length - Math.SQRT1_2)).toBeLessThan(0.1);
    expect(Math.abs(norm(slerp(a, b, 0.5).row(row)) / length - 1)).toBeLessThan(0.02);
  }
});

test("equal shares are equal angles", () => {
  const angle = (p: NDArray, q: NDArray) => Math.acos(p.mul(q).sum().item() / norm(p) / norm(q));
  const [x, y] = [NDArray.of([1, 0], [1, 2]), NDArray.of([0, 1], [1, 2])];
  expect(angle(x, slerp(x, y, 1 / 3))).toBeCloseTo(Math.PI / 6, 5);
});

test("along one line it is straight, also through nothing", () => {
  for (const factor of [1, 2, -1]) {
    const end = a.mul(factor);
    expect(slerp(a, end, 0.25)).toEqual(lerp(a, end, 0.25));
  }
  const zero = NDArray.zeros(a.shape);
  expect(slerp(a, zero, 0.5)).toEqual(lerp(a, zero, 0.5));
});

test("other shapes are refused", () => {
  expect(() => slerp(a, b.rows(0, 2), 0.5)).toThrow("interpolation: expected two arrays of shape [3, 400]");
});
