import { expect, test } from "vitest";
import { traceOfRoot } from "../../src/evaluation/matrix.ts";
import { normals } from "./sets.ts";

/** Roundings of the eigenvalues of float64 matrices. */
const ROUNDING = 1e-9;

/** XᵀX of rows [n, d], row-major. */
const gram = (seed: number, n: number, d: number): Float64Array => {
  const rows = normals(seed, n, d);
  return Float64Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    return rows.split().reduce((sum, { data }) => sum + (data[i] as number) * (data[j] as number), 0);
  });
};

test("the root of a matrix times itself has the matrix's own trace", () => {
  const a = gram(1, 9, 6);
  const trace = Array.from({ length: 6 }, (_, i) => a[i * 6 + i] as number).reduce(
    (sum, value) => sum + value,
  );
  expect(Math.abs(traceOfRoot(a, 6)(a) - trace)).toBeLessThan(ROUNDING * trace);
});

test("it is symmetric, and scales with the root of either matrix", () => {
  const [a, b] = [gram(2, 9, 5), gram(3, 7, 5)];
  const trace = traceOfRoot(a, 5)(b);
  expect(Math.abs(traceOfRoot(b, 5)(a) - trace)).toBeLessThan(ROUNDING * trace);
  const scaled = traceOfRoot(
    a.map((x) => 9 * x),
    5,
  );
  expect(Math.abs(scaled(b) - 3 * trace)).toBeLessThan(ROUNDING * trace);
});
