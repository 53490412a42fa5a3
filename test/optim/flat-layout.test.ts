import { expect, test } from "vitest";
import { NDArray, ShapeError } from "../../src/base/index.ts";
import { flatLayout, packed, viewsOf } from "../../src/optim/index.ts";

const arrays = new Map([
  ["weight", NDArray.of([1, 2, 3, 4], [2, 2])],
  ["scale", NDArray.of([5], [])],
  ["bias", NDArray.of([6, 7])],
]);
const layout = flatLayout(arrays);

test("arrays lie one after the other", () => {
  expect(layout.size).toBe(7);
  expect(layout.entries.map(({ name, offset }) => [name, offset])).toEqual([
    ["weight", 0],
    ["scale", 4],
    ["bias", 5],
  ]);
  expect([...packed(layout, arrays)]).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("views share the buffer's memory and have the arrays' shapes", () => {
  const buffer = packed(layout, arrays);
  const views = viewsOf(layout, buffer);
  buffer[5] = 60;
  expect(views.bias?.data[0]).toBe(60);
  expect(views.weight?.shape).toEqual([2, 2]);
  expect(views.scale?.data).toHaveLength(1);
});

test("packing an incomplete or unlike set is refused", () => {
  const pack = (change: [string, NDArray] | string) => () => {
    const others = new Map(arrays);
    if (typeof change === "string") others.delete(change);
    else others.set(...change);
    return packed(layout, others);
  };
  expect(pack("scale")).toThrow('parameter "scale": expected float32[], got nothing');
  expect(pack(["bias", NDArray.of([1])])).toThrow('parameter "bias": expected float32[2], got float32[1]');
  expect(pack(["bias", NDArray.of([1, 2], [2], "int32")])).toThrow("got int32[2]");
  expect(pack(["weight", NDArray.of([1, 2, 3, 4])])).toThrow(ShapeError);
});
