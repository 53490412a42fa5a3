import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ArgumentError, FileError, NDArray } from "../../src/base/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { badFiles, file, one } from "./bad-safetensors.ts";

describe("writeSafetensors and readSafetensors", () => {
  const tensors = new Map<string, NDArray>([
    ["mask", NDArray.of([1, 0, 1], [3], "bool")],
    ["pixels", NDArray.of([0, 127, 255], [1, 3], "uint8")],
    ["ids", NDArray.of([-(2 ** 31), 2 ** 31 - 1], [2], "int32")],
    ["weight", NDArray.of([1.5, -0, Number.NaN, Number.POSITIVE_INFINITY], [2, 2])],
    ["scalar", NDArray.of([7], [])],
    ["empty", NDArray.zeros([0, 4])],
  ]);

  it("give every dtype, shape and text back", () => {
    const { tensors: read, metadata } = readSafetensors(writeSafetensors(tensors, { ключ: "значение\n" }));
    expect(metadata).toEqual({ ключ: "значение\n" });
    expect(Object.fromEntries(read)).toEqual(Object.fromEntries(tensors));
  });

  it("give back an empty file", () => {
    expect(readSafetensors(writeSafetensors(new Map()))).toEqual({ tensors: new Map(), metadata: {} });
  });

  it("write the same bytes whatever the order of tensors and metadata", () => {
    const reversed = new Map([...tensors].reverse());
    expect(writeSafetensors(reversed, { b: "2", a: "1" })).toEqual(
      writeSafetensors(tensors, { a: "1", b: "2" }),
    );
  });

  it("lay wide dtypes first and data at a multiple of 8 bytes", () => {
    const bytes = writeSafetensors(tensors);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect([...readSafetensors(bytes).tensors.keys()]).toEqual([
      "empty",
      "ids",
      "scalar",
      "weight",
      "mask",
      "pixels",
    ]);
  });

  it("read from any offset into another buffer, and copy", () => {
    const bytes = writeSafetensors(tensors);
    const shifted = Buffer.alloc(bytes.length + 3);
    shifted.set(bytes, 3);
    const weight = readSafetensors(shifted.subarray(3)).tensors.get("weight") as NDArray;
    shifted.fill(0);
    expect(weight).toEqual(tensors.get("weight"));
  });

  it("write a view of a larger array without its surroundings", () => {
    const rows = NDArray.of([1, 2, 3, 4, 5, 6], [3, 2]).rows(1, 2);
    const { tensors: read } = readSafetensors(writeSafetensors(new Map([["rows", rows]])));
    expect([...(read.get("rows") as NDArray).data]).toEqual([3, 4]);
  });

  it("keep names that objects treat specially as plain names", () => {
    const names = ["__proto__", "constructor", "toString", "7", ""];
    const odd = new Map(names.map((name, i) => [name, NDArray.of([i])]));
    const texts = Object.fromEntries([["__proto__", "text"]]);
    const { tensors: read, metadata } = readSafetensors(writeSafetensors(odd, texts));
    expect(new Set(read.keys())).toEqual(new Set(names));
    expect(Object.entries(metadata)).toEqual([["__proto__", "text"]]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  // Written by the Python package, see test/fixtures/README.md.
  it.each(["down", "fourier"])("give back a file of the reference byte for byte: %s", async (name) => {
    const bytes = await readFile(new URL(`../fixtures/unet2d/${name}.safetensors`, import.meta.url));
    const { tensors: read, metadata } = readSafetensors(bytes);
    expect(read.size).toBeGreaterThan(200);
    expect(Buffer.compare(writeSafetensors(read, metadata), bytes)).toBe(0);
  });

  it("refuse to write a tensor under the name of the metadata, or metadata that is not text", () => {
    expect(() => writeSafetensors(new Map([["__metadata__", NDArray.of([1])]]))).toThrow(ArgumentError);
    const numbers = { step: 3 } as unknown as Record<string, string>;
    expect(() => writeSafetensors(new Map(), numbers)).toThrow(/text under "step", got 3/);
  });
});

describe("readSafetensors", () => {
  it("takes tensors in any order of the header and spaces after it", () => {
    const header = { ...one("U8", [2], [2, 4], "late"), ...one("U8", [2], [0, 2], "early") };
    const { tensors } = readSafetensors(file(`${JSON.stringify(header)}     `, Uint8Array.of(1, 2, 3, 4)));
    expect([...tensors].map(([name, { data }]) => [name, ...data])).toEqual([
      ["early", 1, 2],
      ["late", 3, 4],
    ]);
  });

  it.each(Object.entries(badFiles))("refuses %s with a FileError that names the file", (_, bytes) => {
    expect(() => readSafetensors(bytes, "weights.bin")).toThrow(FileError);
    expect(() => readSafetensors(bytes, "weights.bin")).toThrow(/^weights\.bin: expected .+, got ./s);
  });

  it("does not take quotes, colons or escapes inside texts for keys", () => {
    const metadata = { a: '":":"', b: '\\":', c: "\\" };
    expect(readSafetensors(file({ __metadata__: metadata })).metadata).toEqual(metadata);
  });

  it("refuses every truncation of a whole file", () => {
    const whole = writeSafetensors(new Map([["a", NDArray.of([1, 2])]]), { note: "n" });
    for (let length = 0; length < whole.length; length++)
      expect(() => readSafetensors(whole.subarray(0, length))).toThrow(FileError);
  });

  it("never throws anything but a FileError when a byte of the header is changed", () => {
    const whole = writeSafetensors(new Map([["a", NDArray.of([1, 2])]]), { note: "n" });
    for (let i = 0; i < whole.length - 8; i++)
      for (const flip of [1, 2, 0x10, 0x80]) {
        const bytes = whole.slice();
        bytes[i] = (bytes[i] as number) ^ flip;
        try {
          readSafetensors(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }
  });
});
