import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import wabt from "wabt";
import { halvesWasm } from "../../src/formats/halves-wasm.ts";
import { type Half, widenInPlace } from "../../src/formats/safetensors-halves.ts";

/** float32 in which halves of these bits were, widened. */
const widened = (bits: Uint16Array, half: Half): Float32Array => {
  const words = new Float32Array(bits.length);
  new Uint16Array(words.buffer, 2 * bits.length).set(bits);
  widenInPlace(words, half);
  return words;
};
const every = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

it("the committed bytes are those of halves.wat", async () => {
  const text = readFileSync(new URL("../../src/formats/halves.wat", import.meta.url), "utf8");
  const { buffer } = (await wabt()).parseWat("halves.wat", text).toBinary({});
  expect(halvesWasm).toBe(Buffer.from(buffer).toString("base64"));
});

it("every half becomes the number that IEEE 754 says", () => {
  const expected = Float32Array.from(every, (bits) => {
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 0x1f, bits & 0x3ff];
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  expect(Object.is(widened(every, "widenHalves")[0x8000], -0)).toBe(true);
  expect(widened(every, "widenHalves")).toEqual(expected);
});

it("every bfloat16 becomes the float32 of which it is the upper half", () => {
  const words = new Uint32Array(widened(every, "widenBrainHalves").buffer);
  expect(words).toEqual(Uint32Array.from(every, (bits) => bits << 16));
});

// Around nothing, a vector of four, and what is taken at a time.
it.each([0, 1, 2, 3, 4, 5, 7, 32_767, 32_768, 32_769, 65_537, 100_003])(
  "%i of them are all widened, in their places",
  (length) => {
    const bits = Uint16Array.from({ length }, (_, i) => (i * 40_503) & 0xffff);
    const words = new Uint32Array(widened(bits, "widenBrainHalves").buffer);
    expect(words).toEqual(Uint32Array.from(bits, (each) => each << 16));
  },
);
