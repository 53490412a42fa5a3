import { expect, test } from "vitest";
import { NDArray, ShapeError } from "../../src/base/index.ts";
import {
  concat,
  constant,
  input,
  Parameter,
  pad,
  slice,
  split,
  sumTo,
  type Tensor,
  transposeLast,
} from "../../src/tensor/index.ts";
import { doubles, interpret } from "./reference.ts";

const valuesOf = (y: Tensor, x: Tensor, values: readonly number[]): number[] => [
  ...(interpret([y], new Map([[x, doubles(x.shape, values)]]))[0]?.data ?? []),
];

test("a number in arithmetic is a constant of the graph", () => {
  const x = input([3]);
  expect(valuesOf(x.mul(2).add(1).sub(0.5).div(0.5), x, [0, 1, 2])).toEqual([1, 5, 9]);
});

test("clamp keeps values inside its bounds", () => {
  const x = input([3]);
  expect(valuesOf(x.clamp(-1, 1), x, [-5, 0.5, 5])).toEqual([-1, 0.5, 1]);
});

test("sum and mean count axes from either end, once each", () => {
  const x = input([2, 3]);
  expect(valuesOf(x.sum([-1, 1]), x, [1, 2, 3, 4, 5, 6])).toEqual([6, 15]);
  expect(valuesOf(x.mean(), x, [1, 2, 3, 4, 5, 9])[0]).toBeCloseTo(4, 6);
  expect(x.sum([0], true).shape).toEqual([1, 3]);
  expect(() => x.sum([-3])).toThrow("sum: expected an axis of a rank-2 array, got -3");
});

test("one size of a reshape may be left open", () => {
  expect(input([2, 6]).reshape([3, -1]).shape).toEqual([3, 4]);
  expect(() => input([5]).reshape([2, -1])).toThrow("reshape: expected a shape of 5 elements, got [2, -1]");
});

test("transpose reverses by default, transposeLast swaps the last two axes", () => {
  expect(input([2, 3, 4]).transpose().shape).toEqual([4, 3, 2]);
  expect(transposeLast(input([2, 3, 4])).shape).toEqual([2, 4, 3]);
});

test("split parts joined again are the whole", () => {
  const x = input([2, 4]);
  const parts = split(x, 2, -1);
  expect(parts.map(({ shape }) => shape)).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(valuesOf(concat(parts, 1), x, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("parts that are not equal are refused", () => {
  expect(() => split(input([5]), 2, 0)).toThrow(ShapeError);
});

test("what was padded can be cut off again", () => {
  const x = input([2]);
  expect(valuesOf(slice(pad(x, [1], [2]), 0, 1, 3), x, [7, 8])).toEqual([7, 8]);
});

test("sumTo undoes broadcasting", () => {
  const x = input([2, 3]);
  expect(valuesOf(sumTo(x, [3]), x, [1, 2, 3, 4, 5, 6])).toEqual([5, 7, 9]);
  expect(valuesOf(sumTo(x, [2, 1]), x, [1, 2, 3, 4, 5, 6])).toEqual([6, 15]);
  expect(sumTo(x, [2, 3])).toBe(x);
});

test("a parameter takes new values of its shape only", () => {
  const parameter = new Parameter(NDArray.of([1, 2]));
  parameter.value = NDArray.of([3, 4]);
  expect([...parameter.value.data]).toEqual([3, 4]);
  const replace = (value: NDArray) => () => {
    parameter.value = value;
  };
  expect(replace(NDArray.of([1]))).toThrow("Parameter: expected float32[2], got float32[1]");
  expect(replace(NDArray.of([1, 2], [2], "int32"))).toThrow("got int32[2]");
});

test("a constant has its array's dtype, a number is a float32 scalar", () => {
  expect(constant(NDArray.of([1], [1], "int32")).dtype).toBe("int32");
  expect([constant(2).shape, constant(2).dtype]).toEqual([[], "float32"]);
});
