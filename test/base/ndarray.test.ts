import { describe, expect, test } from "vitest";
import { type DType, NDArray, ShapeError } from "../../src/base/index.ts";

const range = (...shape: number[]): NDArray => {
  const size = shape.reduce((product, n) => product * n, 1);
  return NDArray.of(
    Array.from({ length: size }, (_, i) => i),
    shape,
  );
};
const numbers = ({ data }: NDArray): number[] => [...data];

describe("making arrays", () => {
  test("the shape of a plain list is its length", () => {
    expect(NDArray.of([1, 2, 3]).shape).toEqual([3]);
  });

  test.each([
    ["float32", Float32Array],
    ["int32", Int32Array],
    ["uint8", Uint8Array],
    ["bool", Uint8Array],
  ] as const)("%s has its storage", (dtype, storage) => {
    expect(NDArray.zeros([2], dtype).data).toBeInstanceOf(storage);
  });

  test("too few elements are refused", () => {
    expect(() => NDArray.of([1, 2, 3], [2, 2])).toThrow(
      "NDArray: expected 4 elements for shape [2, 2], got 3",
    );
  });

  test("storage of another dtype is refused", () => {
    expect(() => new NDArray(new Float32Array(1), [1], "int32")).toThrow(
      "NDArray: expected storage of int32, got Float32Array",
    );
  });

  test.each([[[-1, -2]], [[0.5, 4]]])("shape %j is refused", (shape) => {
    expect(() => NDArray.of([1, 2], shape)).toThrow("NDArray: expected sizes of 0 or more");
  });

  test("stack adds an axis, concat joins along the first", () => {
    const [a, b] = [NDArray.of([1, 2]), NDArray.of([3, 4])];
    expect(NDArray.stack([a, b]).shape).toEqual([2, 2]);
    expect(numbers(NDArray.concat([a, b]))).toEqual([1, 2, 3, 4]);
  });

  test("concat keeps the dtype and refuses other shapes, dtypes and nothing", () => {
    const a = NDArray.of([1, 2], [1, 2], "int32");
    expect(NDArray.concat([a, a]).dtype).toBe("int32");
    expect(() => NDArray.concat([a, NDArray.of([1, 2, 3], [1, 3], "int32")])).toThrow(ShapeError);
    expect(() => NDArray.concat([a, NDArray.of([1, 2], [1, 2])])).toThrow(
      "NDArray.concat: expected arrays like int32[1, 2], got float32[1, 2]",
    );
    expect(() => NDArray.concat([])).toThrow(ShapeError);
  });

  test("a clone has memory of its own, a reshape shares it", () => {
    const a = range(4);
    const [clone, view] = [a.clone(), a.reshape([2, 2])];
    a.data[0] = 9;
    expect([clone.data[0], view.data[0]]).toEqual([0, 9]);
  });
});

describe("arithmetic", () => {
  const a = NDArray.of([1, -2, 4]);

  test.each([
    ["add", [3, 0, 6]],
    ["sub", [-1, -4, 2]],
    ["mul", [2, -4, 8]],
    ["div", [0.5, -1, 2]],
  ] as const)("%s takes numbers and arrays alike", (op, expected) => {
    expect(numbers(a[op](2))).toEqual(expected);
    expect(numbers(a[op](NDArray.full([3], 2)))).toEqual(expected);
    expect(numbers(a[op](NDArray.full([], 2)))).toEqual(expected);
  });

  test.each([
    ["neg", (x: number) => -x],
    ["sqrt", Math.sqrt],
    ["exp", Math.exp],
    ["log", Math.log],
    ["abs", Math.abs],
  ] as const)("%s computes in double precision and stores float32", (op, f) => {
    expect(numbers(a[op]())).toEqual([1, -2, 4].map((x) => Math.fround(f(x))));
  });

  test("clamp keeps elements inside its bounds and NaN as it is", () => {
    expect(numbers(NDArray.of([-3, 0.5, 3, Number.NaN]).clamp(-1, 1))).toEqual([-1, 0.5, 1, Number.NaN]);
  });

  test("the result of integers is float32", () => {
    const half = NDArray.of([1, 2], [2], "int32").div(2);
    expect([half.dtype, ...numbers(half)]).toEqual(["float32", 0.5, 1]);
  });

  test("operands stay as they were", () => {
    const b = NDArray.of([1, 2]);
    b.add(1).mul(3);
    expect(numbers(b)).toEqual([1, 2]);
  });
});

describe("broadcasting", () => {
  test("a column and a row make a table", () => {
    const table = NDArray.of([1, 2], [2, 1]).mul(NDArray.of([1, 10, 100]));
    expect(table.shape).toEqual([2, 3]);
    expect(numbers(table)).toEqual([1, 10, 100, 2, 20, 200]);
  });

  test("an inner axis of one spreads", () => {
    const sum = range(2, 1, 2).add(NDArray.of([10, 20], [2, 1]));
    expect(sum.shape).toEqual([2, 2, 2]);
    expect(numbers(sum)).toEqual([10, 11, 20, 21, 12, 13, 22, 23]);
  });

  test("the left operand spreads as well, in order", () => {
    expect(numbers(NDArray.of([10], [1]).sub(NDArray.of([1, 2], [2, 1])))).toEqual([9, 8]);
  });

  test("an axis of one against none gives none", () => {
    expect(range(1, 3).add(NDArray.zeros([0, 3])).shape).toEqual([0, 3]);
  });

  test("shapes that do not fit are named with the operation", () => {
    expect(() => range(2, 3).div(range(2))).toThrow(
      "div: expected shapes that broadcast, got [2, 3] and [2]",
    );
  });
});

describe("reductions", () => {
  const a = range(2, 3, 2);

  test("without axes everything is summed", () => {
    expect(a.sum().item()).toBe(66);
    expect(a.mean().item()).toBe(5.5);
    expect(a.sum([], true).shape).toEqual([2, 3, 2]);
  });

  test("over one axis, counted from either end", () => {
    expect(numbers(a.sum([1]))).toEqual([6, 9, 24, 27]);
    expect(numbers(a.sum([-2]))).toEqual([6, 9, 24, 27]);
    expect(numbers(a.mean([-1]))).toEqual([0.5, 2.5, 4.5, 6.5, 8.5, 10.5]);
  });

  test("over several axes, the order and repetition do not matter", () => {
    expect(numbers(a.sum([2, 0, 2]))).toEqual([14, 22, 30]);
  });

  test("keepDims leaves axes of one", () => {
    expect(a.sum([0, 2], true).shape).toEqual([1, 3, 1]);
  });

  test("long sums do not lose what float32 would", () => {
    expect(
      NDArray.full([1 << 20], 0.1)
        .sum()
        .item(),
    ).toBe(Math.fround(Math.fround(0.1) * (1 << 20)));
  });

  test("an axis that is not there is refused", () => {
    expect(() => a.sum([3])).toThrow("sum: expected an axis of a rank-3 array, got 3");
    expect(() => a.sum([-4])).toThrow(ShapeError);
  });
});

describe("views and layouts", () => {
  test("one axis of a reshape may be left to be found", () => {
    expect(range(2, 6).reshape([3, -1]).shape).toEqual([3, 4]);
  });

  test.each([[[2, -1]], [[-1, -1]], [[4]], [[-5]]])("reshaping 5 elements to %j is refused", (shape) => {
    expect(() => range(5).reshape(shape)).toThrow("reshape: expected a shape of 5 elements");
  });

  test("transpose moves axes, all of them in reverse by default", () => {
    const a = range(2, 3, 4);
    expect(a.transpose().shape).toEqual([4, 3, 2]);
    const moved = a.transpose([1, 2, 0]);
    expect(moved.shape).toEqual([3, 4, 2]);
    expect(numbers(moved).slice(0, 6)).toEqual([0, 12, 1, 13, 2, 14]);
    expect(numbers(moved.transpose([2, 0, 1]))).toEqual(numbers(a));
  });

  test.each([[[0, 0]], [[0]], [[0, 2]]])("transpose by %j is refused", (order) => {
    expect(() => range(2, 2).transpose(order)).toThrow("transpose: expected a permutation of 2 axes");
  });

  test("rows share memory", () => {
    const a = range(3, 2);
    a.row(1).data[0] = 9;
    expect(numbers(a.rows(1, 3))).toEqual([9, 3, 4, 5]);
    expect(a.row(2).shape).toEqual([2]);
  });

  test("rows outside are refused", () => {
    expect(() => range(3, 2).rows(1, 4)).toThrow("rows: expected a range inside [0, 3], got [1, 4)");
  });

  test("item wants one element", () => {
    expect(() => range(2).item()).toThrow("item: expected one element, got [2]");
  });
});

test.each<[DType, number[]]>([
  ["float32", [0, 0.5, -1.5, 300]],
  ["int32", [0, 0, -1, 300]],
  ["uint8", [0, 0, 255, 44]],
  ["bool", [0, 1, 1, 1]],
])("a cast to %s", (dtype, expected) => {
  const cast = NDArray.of([0, 0.5, -1.5, 300]).cast(dtype);
  expect(cast.dtype).toBe(dtype);
  expect(numbers(cast)).toEqual(expected);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d is not finite", (value) => {
  expect(NDArray.of([1, value]).isFinite()).toBe(false);
  expect(NDArray.of([1, 2]).isFinite()).toBe(true);
});
