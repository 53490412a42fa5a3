import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { randomDirections, slicedWasserstein } from "../../src/evaluation/index.ts";
import { slicedOf, sortedProjections } from "../../src/evaluation/sliced-wasserstein.ts";
import { AGREEMENT, featuresOf, fixture, normals } from "./sets.ts";

const line = (values: readonly number[]): NDArray => NDArray.of(values, [values.length, 1]);
const ahead = { directions: NDArray.of([1], [1, 1]) };

test("directions have length 1", () => {
  const directions = randomDirections(5, 40, new Generator(3));
  for (const row of directions.split())
    expect([...row.data].reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 6);
});

describe("slicedWasserstein", () => {
  test.each(fixture.features)("agrees with POT on $n and $m features of $d", async (each) => {
    const { samples, reference } = featuresOf(each);
    const directions = randomDirections(each.directions, each.d, new Generator(each.seed + 2));
    const distance = await slicedWasserstein(samples, reference, { directions });
    expect(Math.abs(distance - each.sliced)).toBeLessThan(AGREEMENT * each.sliced);
  });

  test("on a line pairs values in their order", async () => {
    expect(await slicedWasserstein(line([3, 0]), line([1, 5]), ahead)).toBeCloseTo(
      Math.sqrt((1 + 4) / 2),
      12,
    );
  });

  test("on a line splits what has no partner of its own size", async () => {
    // Thirds of mass at 0, 1, 2 to halves at 0 and 3: 1/3 stays, 1/6 goes from 1 to 0, 1/6 from 1 to 3, 1/3 from 2 to 3.
    const expected = Math.sqrt(1 / 6 + 4 / 6 + 1 / 3);
    expect(await slicedWasserstein(line([2, 0, 1]), line([3, 0]), ahead)).toBeCloseTo(expected, 12);
  });

  test("of a set to itself is 0", async () => {
    const set = normals(5, 33, 4);
    const directions = randomDirections(8, 4, new Generator(1));
    expect(await slicedWasserstein(set, set, { directions })).toBe(0);
  });

  test("with counts is that of samples which are there so often", async () => {
    const projections = await sortedProjections(line([2, 0, 1]), line([3, 0, 1, 4]), ahead);
    const repeated = await slicedWasserstein(line([2, 2, 1]), line([3, 0, 1, 4]), ahead);
    expect(slicedOf(projections, [2, 0, 1])).toBeCloseTo(repeated, 12);
  });
});
