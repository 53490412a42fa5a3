import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { concatChannels, joined, repeated } from "../../src/pipelines/conditions.ts";

describe("conditions", () => {
  it("of one picture are said of several", () => {
    expect([...repeated(NDArray.of([1, 2], [1, 2]), 3).data]).toEqual([1, 2, 1, 2, 1, 2]);
  });
  it("are joined by name, in the order of their pictures", () => {
    const { states, ids } = joined([
      { states: NDArray.of([1], [1, 1]), ids: NDArray.of([7], [1], "int32") },
      { states: NDArray.of([2], [1, 1]), ids: NDArray.of([8], [1], "int32") },
    ]);
    expect([...(states?.data ?? [])]).toEqual([1, 2]);
    expect(ids?.dtype).toBe("int32");
    expect([...(ids?.data ?? [])]).toEqual([7, 8]);
  });
  it("are shown as channels behind those of each picture", () => {
    const a = NDArray.of([1, 2, 3, 4], [2, 1, 1, 2]);
    const b = NDArray.of([5, 6, 7, 8, 9, 10, 11, 12], [2, 2, 1, 2]);
    const all = concatChannels([a, b]);
    expect(all.shape).toEqual([2, 3, 1, 2]);
    expect([...all.data]).toEqual([1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12]);
  });
});
