import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { frechetDistance, frechetFrom, gaussianOf } from "../../src/evaluation/index.ts";
import { AGREEMENT, featuresOf, fixture, normals } from "./sets.ts";

/** Roundings of the eigenvalues of float64 matrices. */
const ROUNDING = 1e-9;

const diagonal = (values: readonly number[]): Float64Array => {
  const out = new Float64Array(values.length ** 2);
  values.forEach((value, i) => {
    out[i * values.length + i] = value;
  });
  return out;
};

describe("frechetFrom", () => {
  test("is (m − n)² + (s − t)² summed over coordinates that are independent", () => {
    const a = { mean: Float64Array.of(1, 2, -1), covariance: diagonal([4, 1, 0.25]) };
    const b = { mean: Float64Array.of(0, 2, 1), covariance: diagonal([1, 9, 0.25]) };
    expect(frechetFrom(a)(b)).toBeCloseTo(1 + 4 + (2 - 1) ** 2 + (1 - 3) ** 2, 9);
  });

  test("of covariances that do not commute is what two dimensions give in closed form", () => {
    // Tr (M)^½ of a 2 × 2 matrix is √(Tr M + 2 √det M).
    const [p, q] = [
      [2, 0.5, 0.5, 1],
      [1, -0.3, -0.3, 3],
    ] as const;
    const trace = p[0] * q[0] + p[1] * q[2] + p[2] * q[1] + p[3] * q[3];
    const determinant = (p[0] * p[3] - p[1] * p[2]) * (q[0] * q[3] - q[1] * q[2]);
    const expected = p[0] + p[3] + q[0] + q[3] - 2 * Math.sqrt(trace + 2 * Math.sqrt(determinant));
    const of = (covariance: readonly number[]) => ({
      mean: new Float64Array(2),
      covariance: Float64Array.from(covariance),
    });
    expect(frechetFrom(of(p))(of(q))).toBeCloseTo(expected, 9);
  });

  test("takes covariances that are singular", () => {
    const a = { mean: new Float64Array(3), covariance: diagonal([4, 0, 0]) };
    const b = { mean: new Float64Array(3), covariance: diagonal([0, 9, 0]) };
    expect(frechetFrom(a)(b)).toBeCloseTo(13, 9);
  });
});

describe("gaussianOf", () => {
  const features = NDArray.of([1, 2, 3, 5, 8, 1, 0, 4], [4, 2]);

  test("is the mean and the covariance over n − 1", () => {
    const { mean, covariance } = gaussianOf(features);
    expect([...mean]).toEqual([3, 3]);
    const [xx, xy, yy] = [4 + 0 + 25 + 9, 2 + 0 - 10 - 3, 1 + 4 + 4 + 1].map((sum) => sum / 3);
    [xx, xy, xy, yy].forEach((value, i) => {
      expect(covariance[i]).toBeCloseTo(value as number, 12);
    });
  });

  test("with counts is that of rows which are there so often", () => {
    const repeated = NDArray.of([1, 2, 1, 2, 8, 1, 0, 4, 0, 4, 0, 4], [6, 2]);
    const { mean, covariance } = gaussianOf(features, [2, 0, 1, 3]);
    const expected = gaussianOf(repeated);
    mean.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.mean[i] as number, 12);
    });
    covariance.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.covariance[i] as number, 12);
    });
  });
});

describe("frechetDistance", () => {
  test.each(fixture.features)(
    "agrees with clean-fid and torchmetrics on $n and $m features of $d",
    (each) => {
      const { samples, reference } = featuresOf(each);
      const distance = frechetDistance(samples, reference);
      for (const expected of Object.values(each.frechet))
        expect(Math.abs(distance - expected)).toBeLessThan(AGREEMENT * expected);
    },
  );

  test("of a set to itself is 0, also with fewer images than features", () => {
    // An eigenvalue of 0 is found to 1e-15, and its root is 3e-8.
    for (const set of [normals(1, 50, 6), normals(2, 5, 12)])
      expect(frechetDistance(set, set)).toBeLessThan(1e-6);
  });

  test("does not depend on the order of images, and is symmetric", () => {
    const [a, b] = [normals(3, 20, 5), normals(4, 30, 5).mul(2)];
    const order = new Generator(5).permutation(20).data;
    const shuffled = NDArray.stack(Array.from(order, (i) => a.row(i)));
    const distance = frechetDistance(a, b);
    expect(Math.abs(frechetDistance(shuffled, b) - distance)).toBeLessThan(ROUNDING * distance);
    expect(Math.abs(frechetDistance(b, a) - distance)).toBeLessThan(ROUNDING * distance);
  });

  test.each([
    [
      "features of other networks",
      normals(1, 4, 3),
      normals(1, 4, 5),
      /features of one network, 5 an image, got 3/,
    ],
    ["a single image", normals(1, 1, 3), normals(1, 4, 3), /of samples: expected at least two images, got 1/],
    [
      "NaN",
      normals(1, 4, 3),
      NDArray.of([0, 1, 2, Number.NaN], [2, 2]),
      /reference: expected finite features, got NaN of image 1/,
    ],
    [
      "images",
      normals(1, 4, 3).reshape([4, 3, 1]),
      normals(1, 4, 3),
      /expected float32 features \[n, d\], got float32\[4, 3, 1\]/,
    ],
  ])("refuses %s", (_, samples, reference, message) => {
    expect(() => frechetDistance(samples, reference)).toThrow(message);
  });
});
