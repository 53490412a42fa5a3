import { describe, expect, test } from "vitest";
import { conv2d, convTranspose2d, input } from "../../src/tensor/index.ts";
import { relativeDifference } from "./compare.ts";
import { evaluated, fixed, fixture, type Saved, saved } from "./fixture.ts";

/** torch computes in float32. */
const tolerance = 1e-6;

const around = (padding: number) => [padding, padding, padding, padding] as const;

interface Convolution {
  readonly x: Saved;
  readonly weight: Saved;
  readonly bias?: Saved;
  readonly y: Saved;
  readonly stride: number;
  readonly padding: number;
}

describe("a convolution in groups", () => {
  test.each(fixture.grouped as readonly (Convolution & { readonly groups: number })[])(
    "agrees with torch: $groups groups, stride $stride",
    ({ x, weight, bias, y, groups, stride, padding }) => {
      const geometry = { stride, padding: around(padding), groups };
      const got = evaluated(conv2d(fixed(x), fixed(weight), bias && fixed(bias), geometry));
      expect(relativeDifference(got, saved(y))).toBeLessThan(tolerance);
    },
  );

  test("is refused where groups do not divide the channels", () => {
    const make = () =>
      conv2d(input([1, 6, 4, 4]), input([4, 2, 3, 3]), undefined, {
        stride: 1,
        padding: around(1),
        groups: 3,
      });
    expect(make).toThrow(/^conv2d: expected channels divisible by 3 groups/);
  });
});

describe("a transposed convolution", () => {
  test.each(fixture.transposed as readonly Convolution[])(
    "agrees with torch: stride $stride",
    ({ x, weight, y, stride, padding }) => {
      const size = y.shape.slice(2) as [number, number];
      const got = evaluated(
        convTranspose2d(fixed(x), fixed(weight), { stride, padding: around(padding), size }),
      );
      expect(relativeDifference(got, saved(y))).toBeLessThan(tolerance);
    },
  );
});
