import { describe, expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { WasmMemory } from "../../src/optim/index.ts";
import { memories } from "./memories.ts";

// Both sides compute in float32, one of them with fused multiplications.
const tolerance = 1e-6;

describe.each(memories)("the memory of %s", (_, open) => {
  test("starts as zeros in buffers that do not overlap", () => {
    const { buffers } = open({ count: 3, size: 17 });
    expect(buffers.map((buffer) => [...new Set(buffer)])).toEqual([[0], [0], [0]]);
    buffers.forEach((buffer, i) => {
      buffer.fill(i + 1);
    });
    expect(buffers.map((buffer) => [buffer.length, ...new Set(buffer)])).toEqual([
      [17, 1],
      [17, 2],
      [17, 3],
    ]);
  });

  test("neither reads nor changes what lies behind a range", async () => {
    const memory = open({ count: 1, size: 8 });
    const [buffer] = memory.buffers as [Float32Array];
    buffer.set([1, 2, 3, 4, 5, Number.NaN, -0, Number.POSITIVE_INFINITY]);
    const before = buffer.slice();
    expect(await memory.run("sumOfSquares", [buffer.subarray(1, 5)])).toBe(4 + 9 + 16 + 25);
    expect(await memory.run("sumOfSquares", [buffer.subarray(0, 5)])).toBe(55);
    expect(await memory.run("sumOfSquares", [buffer.subarray(2, 2)])).toBe(0);
    expect(buffer).toEqual(before);
  });

  test("refuses arrays outside it and ranges of different lengths", async () => {
    const memory = open({ count: 4, size: 4 });
    const message = "expected equal ranges of this memory's buffers, got others";
    await expect(memory.run("sumOfSquares", [new Float32Array(4)])).rejects.toThrow(message);
    const [first, ...others] = memory.buffers as [Float32Array, ...Float32Array[]];
    await expect(memory.run("sgd", [first.subarray(0, 2), ...others])).rejects.toThrow(message);
  });

  // Enough for every thread, and a rest for each: the sizes of real networks.
  test.each([
    ["sgd", [0.5, 0.1, 0.25, 0.9, 0.01, 0.1]],
    ["adam", [0.5, 0.1, 0.25, 0.9, 0.1, 0.99, 0.01, 0.01, 0.1, 1.5, 1e-8]],
  ] as const)(
    "runs %s over a hundred thousand elements as WebAssembly does over each part",
    async (kernel, constants) => {
      const size = 100_003;
      const random = new Generator(3);
      const shape = { count: kernel === "adam" ? 5 : 4, size };
      const [whole, parts] = [open(shape), new WasmMemory(shape)];
      for (const [i, buffer] of whole.buffers.entries()) {
        buffer.set(random.uniform([size]).data);
        parts.buffers[i]?.set(buffer);
      }
      await whole.run(kernel, whole.buffers, constants);
      for (let start = 0; start < size; start += 9999)
        await parts.run(
          kernel,
          parts.buffers.map((buffer) => buffer.subarray(start, start + 9999)),
          constants,
        );
      for (const [i, buffer] of whole.buffers.entries()) {
        const apart = buffer.reduce(
          (most, x, j) => Math.max(most, Math.abs(x - (parts.buffers[i]?.[j] as number))),
          0,
        );
        expect(apart).toBeLessThanOrEqual(tolerance);
      }
      const sum = await whole.run("sumOfSquares", [whole.buffers[0] as Float32Array]);
      const wanted = (whole.buffers[0] as Float32Array).reduce((total, x) => total + x * x, 0);
      expect(Math.abs(sum / wanted - 1)).toBeLessThanOrEqual(tolerance);
    },
  );
});
