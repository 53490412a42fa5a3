import { describe, expect, test } from "vitest";
import { Generator, type Shape, sizeOf } from "../../src/base/index.ts";
import { arrange, type Lifetime } from "../../src/lower/native/arena.ts";
import {
  broadcast,
  denseStrides,
  identity,
  isDense,
  orderOf,
  reshaped,
  type Value,
  type View,
} from "../../src/lower/native/view.ts";

const random = new Generator(0);
const below = (n: number): number => Math.floor((random.uniform([1]).data[0] as number) * n);

/** A view of a tensor that lies in an order of its axes. */
const lying = (shape: Shape, order: readonly number[]): View => {
  const value: Value = {
    id: 0,
    dtype: "float32",
    dims: order.map((axis) => shape[axis] as number),
    place: "arena",
    index: 0,
  } as never;
  return { value, offset: 0, shape, strides: denseStrides(shape, order) };
};

/** Where each element is, the last axis fastest. */
const places = ({ shape, strides, offset }: View): number[] =>
  shape.reduce<number[]>(
    (found, n, axis) =>
      found.flatMap((place) => Array.from({ length: n }, (_, i) => place + i * (strides[axis] as number))),
    [offset],
  );

describe("a reshape without a copy", () => {
  test.each([
    { shape: [2, 6, 4, 5], order: [0, 2, 3, 1], wanted: [2, 6, 20], possible: true },
    { shape: [2, 6, 4, 5], order: [0, 2, 3, 1], wanted: [2, 3, 2, 20], possible: true },
    { shape: [2, 6, 4, 5], order: [0, 2, 3, 1], wanted: [12, 20], possible: false },
    { shape: [2, 6, 4, 6], order: [0, 2, 3, 1], wanted: [2, 6, 2, 2, 3, 2], possible: true },
    { shape: [2, 6, 1, 1], order: [0, 2, 3, 1], wanted: [12], possible: true },
    { shape: [4, 1, 5], order: [0, 1, 2], wanted: [1, 20, 1], possible: true },
    { shape: [4, 5], order: [1, 0], wanted: [20], possible: false },
    { shape: [1, 1], order: [0, 1], wanted: [], possible: true },
  ])("of $shape in the order $order to $wanted: $possible", ({ shape, order, wanted, possible }) => {
    const view = lying(shape, order);
    const found = reshaped(view, wanted);
    expect(found !== null).toBe(possible);
    if (found) expect(places(found)).toEqual(places(view));
  });

  test("keeps what is repeated", () => {
    const view = broadcast(lying([3, 1, 1], [0, 1, 2]), [2, 3, 4, 5]);
    const found = reshaped(view, [2, 3, 20]);
    expect(found && places(found)).toEqual(places(view));
  });
});

test("the order of a view is the one in which it lies", () => {
  for (const order of [
    [0, 2, 3, 1],
    [3, 1, 0, 2],
    [0, 1, 2, 3],
  ]) {
    const view = lying([2, 3, 4, 5], order);
    expect(orderOf(view)).toEqual(order);
    expect(isDense(view, order)).toBe(true);
    expect(isDense(view, order.toReversed())).toBe(false);
  }
  expect(isDense(lying([2, 3, 1, 1], [0, 2, 3, 1]), identity([2, 3, 1, 1]))).toBe(true);
});

test("pieces that live at one time do not overlap, and memory is used again", () => {
  const pieces = Array.from({ length: 200 }, (_, first): Lifetime => {
    return { bytes: 1 + below(5000), first, last: first + below(12) };
  });
  const { offsets, size } = arrange(pieces);
  const units = (piece: Lifetime) => Math.ceil(piece.bytes / 64);
  for (const [i, a] of pieces.entries())
    for (const [j, b] of pieces.slice(0, i).entries()) {
      if (a.last < b.first || b.last < a.first) continue;
      const [x, y] = [offsets[i] as number, offsets[j] as number];
      expect(x + units(a) <= y || y + units(b) <= x).toBe(true);
    }
  const alive = (step: number) => pieces.filter(({ first, last }) => first <= step && step <= last);
  const most = Math.max(
    ...pieces.map((_, step) => sizeOf([alive(step).reduce((sum, p) => sum + units(p), 0)])),
  );
  expect(size).toBeGreaterThanOrEqual(most);
  expect(size).toBeLessThan(1.3 * most);
});
