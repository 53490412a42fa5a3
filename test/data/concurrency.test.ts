import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { forEachConcurrently } from "../../src/data/concurrency.ts";

describe("forEachConcurrently", () => {
  it("calls the work on every item with its index, never more than the limit at once", async () => {
    let running = 0;
    let most = 0;
    const seen: [string, number][] = [];
    await forEachConcurrently([..."abcdefg"], 3, async (item, index) => {
      most = Math.max(most, ++running);
      await setTimeout(1);
      running--;
      seen.push([item, index]);
    });
    expect(most).toBe(3);
    expect(seen.toSorted()).toEqual([..."abcdefg"].map((item, index) => [item, index]));
  });

  it("rejects with the first failure and starts nothing after it", async () => {
    const started: number[] = [];
    const work = async (item: number) => {
      started.push(item);
      await setTimeout(1);
      if (item === 2) throw new Error("two");
    };
    await expect(forEachConcurrently([1, 2, 3, 4, 5, 6, 7, 8], 2, work)).rejects.toThrow("two");
    await setTimeout(10);
    expect(started.length).toBeLessThanOrEqual(4);
  });

  it("is done at once without items", async () => {
    await forEachConcurrently([], 3, () => Promise.reject(new Error("called")));
  });
});
