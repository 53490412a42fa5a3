import { expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { enlarged, reduced } from "../../src/systems/pixel-squares.ts";

it("reduced images have the mean of each square, enlarged ones squares of each pixel", () => {
  const image = NDArray.of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [1, 1, 4, 4]);
  expect([...reduced(image, 2).data]).toEqual([3.5, 5.5, 11.5, 13.5]);
  const small = new Generator(0).normal([2, 3, 2, 2]);
  const large = enlarged(small, 6);
  expect(large.shape).toEqual([2, 3, 6, 6]);
  expect([...large.row(1).row(2).row(0).data]).toEqual([
    ...Array(3).fill(small.data[20]),
    ...Array(3).fill(small.data[21]),
  ]);
  expect(
    reduced(large, 2)
      .sub(small)
      .abs()
      .data.every((each) => each < 1e-6),
  ).toBe(true);
  expect(reduced(small, 2)).toBe(small);
});

it("only squares of a side that divides are reduced", () => {
  expect(() => reduced(NDArray.zeros([1, 1, 4, 6]), 2)).toThrow("square images of a side that 2 divides");
  expect(() => reduced(NDArray.zeros([1, 1, 5, 5]), 2)).toThrow("got [1, 1, 5, 5]");
});
