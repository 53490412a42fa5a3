import { expect, test } from "vitest";
import { NDArray, sizeOf } from "../../src/base/index.ts";
import { firDownsample, firUpsample } from "../../src/models/resampling.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Tensor, trace } from "../../src/tensor/index.ts";

const valuesOf = async (x: NDArray, fn: (x: Tensor) => Tensor): Promise<NDArray> => {
  const run = await compile(
    trace({ x }, (feeds) => ({ y: fn(feeds.x) })),
    { worker: false },
  );
  const { y } = await run({ x });
  await run.close();
  return y as NDArray;
};

const impulse = NDArray.of([0, 0, 0, 0, 1, 0, 0, 0, 0], [1, 1, 3, 3]);
const ones = (shape: readonly number[]) => NDArray.of(Array(sizeOf(shape)).fill(1), shape);

test("a pixel is spread by (1, 3, 3, 1) / 4 along each axis where the size doubles", async () => {
  const { shape, data } = await valuesOf(impulse, firUpsample);
  expect(shape).toEqual([1, 1, 6, 6]);
  const taps = [0, 0.25, 0.75, 0.75, 0.25, 0];
  expect([...data]).toEqual(taps.flatMap((a) => taps.map((b) => a * b)));
});

test("an even image stays even inside, and fades at the border by what lies outside", async () => {
  const { shape, data } = await valuesOf(ones([1, 2, 6, 6]), firDownsample);
  expect(shape).toEqual([1, 2, 3, 3]);
  const [edge, inside] = [7 / 8, 1];
  const rows = [edge, inside, edge].flatMap((a) => [edge, inside, edge].map((b) => a * b));
  expect([...data]).toEqual([...rows, ...rows]);
});
