import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import wabt from "wabt";
import { FlatMemory } from "../../src/optim/index.ts";
import { kernelsWasm } from "../../src/optim/kernels-wasm.ts";

test("the committed bytes are those of kernels.wat", async () => {
  const text = readFileSync(new URL("../../src/optim/kernels.wat", import.meta.url), "utf8");
  const { buffer } = (await wabt()).parseWat("kernels.wat", text).toBinary({});
  expect(kernelsWasm).toBe(Buffer.from(buffer).toString("base64"));
});

test("the kernels run in any WebAssembly with vectors of 128 bits", () => {
  expect(WebAssembly.validate(Uint8Array.from(Buffer.from(kernelsWasm, "base64")))).toBe(true);
});

test("buffers start as zeros and do not overlap", () => {
  const { buffers } = new FlatMemory(3, 17);
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

test("what lies behind a range is neither read nor changed", () => {
  const memory = new FlatMemory(1, 8);
  const [buffer] = memory.buffers as [Float32Array];
  buffer.set([1, 2, 3, 4, 5, Number.NaN, -0, Number.POSITIVE_INFINITY]);
  const before = buffer.slice();
  expect(memory.run("sumOfSquares", [buffer.subarray(1, 5)])).toBe(4 + 9 + 16 + 25);
  expect(memory.run("sumOfSquares", [buffer.subarray(0, 5)])).toBe(55);
  expect(memory.run("sumOfSquares", [buffer.subarray(2, 2)])).toBe(0);
  expect(buffer).toEqual(before);
});

test("arrays outside the memory and ranges of different lengths are refused", () => {
  const memory = new FlatMemory(4, 4);
  const message = "expected equal ranges of this memory's buffers, got others";
  expect(() => memory.run("sumOfSquares", [new Float32Array(4)])).toThrow(message);
  const [first, ...others] = memory.buffers as [Float32Array, ...Float32Array[]];
  expect(() => memory.run("sgd", [first.subarray(0, 2), ...others])).toThrow(message);
});

test("more than WebAssembly can address is refused before anything is allocated", () => {
  expect(() => new FlatMemory(5, 3e8)).toThrow(
    "optimizer memory: expected at most 214748336 parameters in 5 buffers, got 300000000",
  );
});
