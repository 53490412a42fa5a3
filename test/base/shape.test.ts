import { expect, test } from "vitest";
import {
  broadcastShapes,
  broadcastStrides,
  isShape,
  resolveAxis,
  resolveShape,
  ShapeError,
  sameShape,
  showShape,
  sizeOf,
  stridesOf,
} from "../../src/base/index.ts";

test("a scalar has one element, an empty axis none", () => {
  expect([sizeOf([]), sizeOf([2, 0]), sizeOf([2, 3])]).toEqual([1, 0, 6]);
});

test("strides are row-major", () => {
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(stridesOf([])).toEqual([]);
});

test("shapes of other rank are other shapes", () => {
  expect(sameShape([1, 2], [2])).toBe(false);
  expect(sameShape([1, 2], [1, 2])).toBe(true);
});

test("broadcasting aligns the last axes", () => {
  expect(broadcastShapes("f", [5, 1, 3], [4, 1])).toEqual([5, 4, 3]);
  expect(broadcastShapes("f", [], [2])).toEqual([2]);
  expect(() => broadcastShapes("f", [2], [3])).toThrow("f: expected shapes that broadcast, got [2] and [3]");
});

test("broadcast axes have stride 0", () => {
  expect(broadcastStrides([3, 1], [2, 3, 4])).toEqual([0, 1, 0]);
});

test("axes count from either end", () => {
  expect([resolveAxis("f", 1, 3), resolveAxis("f", -1, 3)]).toEqual([1, 2]);
  for (const axis of [3, -4, 0.5]) expect(() => resolveAxis("f", axis, 3)).toThrow(ShapeError);
});

test("sizes are whole and not negative", () => {
  expect([isShape([2, 0]), isShape([-1]), isShape([1.5]), isShape([Number.NaN])]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("the size left open follows from the others", () => {
  expect(resolveShape("f", [-1, 2], 6)).toEqual([3, 2]);
  expect(() => resolveShape("f", [-1, 4], 6)).toThrow("f: expected a shape of 6 elements, got [-1, 4]");
});

test("shapes are shown as lists", () => {
  expect(showShape([1, 2])).toBe("[1, 2]");
});
