import { describe, expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { manifold, recallByClass, tailRecall } from "../../src/evaluation/index.ts";
import { AGREEMENT, featuresOf, fixture, normals } from "./sets.ts";

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe("manifold", () => {
  describe.each([3, 5])("with %i neighbours", (k) => {
    test.each(fixture.features)("agrees with prdc on $n and $m features of $d", async (each) => {
      const { samples, reference } = featuresOf(each);
      const found = await manifold(samples, reference, { precisionRecall: k, densityCoverage: k });
      for (const [name, expected] of Object.entries(each.prdc[k] ?? {}))
        expect(Math.abs(mean(found[name as keyof typeof found]) - expected)).toBeLessThan(AGREEMENT);
    });
  });

  test("of points on a line is what one can see", async () => {
    // Balls of the reference with one neighbour: 0 ± 1, 1 ± 1, 3 ± 2; of the samples: 0.5 ± 9.5, 10 ± 9.5.
    const reference = NDArray.of([0, 1, 3], [3, 1]);
    const samples = NDArray.of([0.5, 10], [2, 1]);
    const found = await manifold(samples, reference, { precisionRecall: 1, densityCoverage: 1 });
    expect([...found.precision]).toEqual([1, 0]);
    expect([...found.density]).toEqual([2, 0]);
    expect([...found.recall]).toEqual([1, 1, 1]);
    expect([...found.coverage]).toEqual([1, 1, 0]);
  });

  test("of the reference itself is 1 in precision, recall and coverage", async () => {
    const set = normals(7, 30, 4);
    const found = await manifold(set, set);
    for (const name of ["precision", "recall", "coverage"] as const) expect(mean(found[name])).toBe(1);
  });

  test("of duplicates is no NaN, and a ball of radius 0 holds nothing", async () => {
    const one = NDArray.full([8, 2], 1);
    const found = await manifold(one, one);
    for (const values of Object.values(found)) expect(mean(values)).toBe(0);
  });

  test("refuses sets that have not enough neighbours", async () => {
    await expect(manifold(normals(1, 5, 2), normals(2, 20, 2))).rejects.toThrow(
      /expected more than 5 samples, for that many neighbours, got 5/,
    );
    await expect(manifold(normals(1, 20, 2), normals(2, 3, 2))).rejects.toThrow(
      /more than 5 reference images/,
    );
  });
});

describe("recallByClass", () => {
  const labels = [0, 0, 0, 0, 1, 1, 2];
  const recall = [1, 1, 1, 0, 1, 0, 0];
  const byClass = recallByClass(recall, labels, ["common", "middle", "rare", "absent"]);

  test("has the rarest class first, and none without images", () => {
    expect(byClass).toEqual([
      { name: "rare", images: 1, recall: 0 },
      { name: "middle", images: 2, recall: 0.5 },
      { name: "common", images: 4, recall: 0.75 },
    ]);
  });

  test("the tail are the images of classes rarer than the mean", () => {
    expect(tailRecall(byClass)).toBeCloseTo(1 / 3, 12);
    expect(tailRecall(recallByClass([1, 0], [0, 1], ["a", "b"]))).toBeNull();
  });
});
