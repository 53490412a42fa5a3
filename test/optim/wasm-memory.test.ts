import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import wabt from "wabt";
import { WasmMemory } from "../../src/optim/index.ts";
import { kernelsWasm } from "../../src/optim/kernels-wasm.ts";

test("the committed bytes are those of kernels.wat", async () => {
  const text = readFileSync(new URL("../../src/optim/kernels.wat", import.meta.url), "utf8");
  const { buffer } = (await wabt()).parseWat("kernels.wat", text).toBinary({});
  expect(kernelsWasm).toBe(Buffer.from(buffer).toString("base64"));
});

test("the kernels run in any WebAssembly with vectors of 128 bits", () => {
  expect(WebAssembly.validate(Uint8Array.from(Buffer.from(kernelsWasm, "base64")))).toBe(true);
});

test("more than WebAssembly can address is refused before anything is allocated", () => {
  expect(() => new WasmMemory({ count: 5, size: 3e8 })).toThrow(
    "optimizer memory: expected at most 214748336 parameters in 5 buffers, got 300000000",
  );
});
