import { describe, expect, it } from "vitest";
import { ArgumentError, NDArray, ShapeError } from "../../src/base/index.ts";
import { enlarge, imageGrid } from "../../src/formats/index.ts";

/** n one-channel images of 1 × 2 pixels: [1, 2], [3, 4], … */
const pairs = (n: number): NDArray =>
  NDArray.of(
    Array.from({ length: 2 * n }, (_, i) => i + 1),
    [n, 1, 1, 2],
    "uint8",
  );

describe("imageGrid", () => {
  it("shows images row by row with padding between them and fills empty places", () => {
    const grid = imageGrid(pairs(3), { columns: 2, padding: 1, fill: 9 });
    expect(grid).toEqual(
      NDArray.of(
        [
          [1, 2, 9, 3, 4],
          [9, 9, 9, 9, 9],
          [5, 6, 9, 9, 9],
        ].flat(),
        [1, 3, 5],
        "uint8",
      ),
    );
  });

  it("is about square by default", () => {
    expect(imageGrid(pairs(10)).shape).toEqual([1, 3, 8]);
    expect(imageGrid(pairs(1)).shape).toEqual([1, 1, 2]);
  });

  it("is no wider than its images", () => {
    expect(imageGrid(pairs(2), { columns: 5 }).shape).toEqual([1, 1, 4]);
  });

  it("keeps channels apart", () => {
    const images = NDArray.of([1, 2, 3, 4, 5, 6], [2, 3, 1, 1], "uint8");
    expect([...imageGrid(images).data]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("refuses no images, impossible layouts and other arrays", () => {
    expect(() => imageGrid(NDArray.zeros([0, 1, 2, 2], "uint8"))).toThrow(ArgumentError);
    expect(() => imageGrid(pairs(2), { columns: 0 })).toThrow(ArgumentError);
    expect(() => imageGrid(pairs(2), { padding: 0.5 })).toThrow(ArgumentError);
    expect(() => imageGrid(NDArray.zeros([1, 1, 2, 2]))).toThrow(ShapeError);
    expect(() => imageGrid(NDArray.zeros([1, 2, 2], "uint8"))).toThrow(ShapeError);
  });
});

describe("enlarge", () => {
  it("makes each pixel a square", () => {
    const image = NDArray.of([1, 2, 3, 4], [2, 1, 2], "uint8");
    expect(enlarge(image, 2)).toEqual(
      NDArray.of(
        [
          [1, 1, 2, 2],
          [1, 1, 2, 2],
          [3, 3, 4, 4],
          [3, 3, 4, 4],
        ].flat(),
        [2, 2, 4],
        "uint8",
      ),
    );
  });

  it("refuses a factor that is no whole number", () => {
    expect(() => enlarge(NDArray.zeros([1, 1, 1], "uint8"), 1.5)).toThrow(ArgumentError);
  });
});
