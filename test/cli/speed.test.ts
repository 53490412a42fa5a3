import { describe, expect, test } from "vitest";
import { speedOf } from "../../src/cli/speed.ts";

const place = { threads: 2, backend: "onnx" } as const;
const batches = (...sizes: readonly (readonly [images: number, seconds: number])[]) =>
  sizes.map(([images, seconds]) => ({ images, seconds }));

describe("the speed of a generation", () => {
  test("is that of the median whole batch after the first", () => {
    const taken = batches([10, 9], [10, 2], [10, 1], [10, 3], [4, 0.1]);
    expect(speedOf(taken, 25, place)).toEqual({
      imagesPerSecond: 5,
      evaluations: 5,
      batch: 10,
      timedBatches: 3,
      threads: 2,
      engine: "onnxruntime",
    });
  });

  test("of an even number of batches is that between the two in the middle", () => {
    expect(speedOf(batches([6, 9], [6, 1], [6, 3]), 3, place).imagesPerSecond).toBe(3);
  });

  test("is unknown where no batch is timed", () => {
    expect(speedOf(batches([10, 9], [4, 0.1]), 2, place)).toMatchObject({
      imagesPerSecond: null,
      timedBatches: 0,
    });
  });
});
