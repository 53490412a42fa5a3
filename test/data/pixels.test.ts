import { describe, expect, it } from "vitest";
import { NDArray, NonFiniteError, ShapeError } from "../../src/base/index.ts";
import { toPixels, toUnit } from "../../src/data/index.ts";

const levels = NDArray.of(
  Array.from({ length: 256 }, (_, i) => i),
  [2, 128],
  "uint8",
);

describe("toUnit", () => {
  it("spreads grey levels over [-1, 1]", () => {
    const unit = toUnit(NDArray.of([0, 51, 255], [3, 1], "uint8"));
    expect(unit).toEqual(NDArray.of([-1, Math.fround(-0.6), 1], [3, 1]));
  });

  it("leaves alone what is float32", () => {
    const points = NDArray.of([-3, 0.25, 1.5], [3]);
    expect(toUnit(points)).toEqual(points);
  });

  it("refuses arrays that are not pixels", () => {
    expect(() => toUnit(NDArray.zeros([2], "int32"))).toThrow(ShapeError);
    expect(() => toUnit(NDArray.zeros([2], "bool"))).toThrow(ShapeError);
  });
});

describe("toPixels", () => {
  it("gives every grey level back", () => {
    expect(toPixels(toUnit(levels))).toEqual(levels);
  });

  it("takes the nearest level and clamps what lies outside", () => {
    const near = NDArray.of([-3, -1.001, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1, 1.2]);
    expect([...toPixels(near).data]).toEqual([0, 0, 0, 1, 255]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuses %d", (value) => {
    expect(() => toPixels(NDArray.of([0, value]))).toThrow(NonFiniteError);
  });
});
