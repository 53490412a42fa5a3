import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { cropCentres, cropImage } from "../../src/data/crop.ts";

/** Images whose levels count up. */
const counted = (shape: number[]): NDArray =>
  NDArray.of(
    Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i),
    shape,
    "uint8",
  );

describe("cropImage", () => {
  it("cuts a window out of every channel", () => {
    const image = counted([2, 3, 4]);
    expect([...cropImage(image, { top: 1, left: 2, height: 2, width: 1 })]).toEqual([6, 10, 18, 22]);
    expect([...cropImage(image, { top: 0, left: 0, height: 3, width: 4 })]).toEqual([...image.data]);
  });
});

describe("cropCentres", () => {
  it("takes the middle of each image, nearer the corner when the margin is odd", () => {
    const images = counted([2, 1, 4, 5]);
    expect(cropCentres(images, 2)).toEqual(
      NDArray.of([6, 7, 8, 11, 12, 13, 26, 27, 28, 31, 32, 33], [2, 1, 2, 3], "uint8"),
    );
    expect([...cropCentres(images, 3).data]).toEqual([6, 7, 26, 27]);
    expect(cropCentres(images, 0)).toEqual(images);
  });
});
