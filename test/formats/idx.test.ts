import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import { readIdx } from "../../src/formats/index.ts";

/** 00 00, type, rank; dimensions as big-endian 32-bit integers; elements (LeCun's description of the format). */
const idx = (shape: readonly number[], elements: readonly number[], type = 8): Buffer => {
  const dimensions = Buffer.alloc(4 * shape.length);
  shape.forEach((dimension, axis) => {
    dimensions.writeUInt32BE(dimension, 4 * axis);
  });
  return Buffer.concat([Uint8Array.of(0, 0, type, shape.length), dimensions, Uint8Array.from(elements)]);
};
const file = idx([2, 1, 3], [1, 2, 3, 253, 254, 255]);

describe("readIdx", () => {
  it("reads shape and elements, gzipped or not", async () => {
    const array = NDArray.of([1, 2, 3, 253, 254, 255], [2, 1, 3], "uint8");
    expect(await readIdx("images", file)).toEqual(array);
    expect(await readIdx("images", gzipSync(file))).toEqual(array);
    expect(await readIdx("labels", idx([3], [9, 0, 9]))).toEqual(NDArray.of([9, 0, 9], [3], "uint8"));
  });

  it("reads dimensions above one byte", async () => {
    const elements = new Array<number>(70_000).fill(7);
    expect((await readIdx("labels", idx([70_000], elements))).shape).toEqual([70_000]);
  });

  it("refuses a file cut at any byte, and one that goes on", async () => {
    for (let length = 0; length < file.length; length++)
      await expect(readIdx("cut", file.subarray(0, length)), String(length)).rejects.toThrow(FileError);
    await expect(readIdx("long", Buffer.concat([file, Uint8Array.of(0)]))).rejects.toThrow(
      "long: expected 6 elements for a shape of 2 × 1 × 3, got 7 bytes after the header",
    );
  });

  it("refuses a shape whose product no file has", async () => {
    const most = 2 ** 32 - 1;
    await expect(readIdx("huge", idx([most, most, most], [1]))).rejects.toThrow(/got 1 bytes after/);
  });

  it("refuses what is no idx file", async () => {
    for (const bytes of [idx([1], [1], 10), idx([], []), Uint8Array.of(0, 1, 8, 1, 0, 0, 0, 1, 1)])
      await expect(readIdx("other", bytes)).rejects.toThrow(/expected an idx file/);
    await expect(readIdx("text", Buffer.from("text"))).rejects.toThrow(/got one that begins 74 65 78 74/);
    await expect(readIdx("empty", new Uint8Array(0))).rejects.toThrow(/got an empty file/);
  });

  it.each([
    [9, "int8"],
    [11, "int16"],
    [12, "int32"],
    [13, "float32"],
    [14, "float64"],
  ])("names a type %i that it does not take", async (type, name) => {
    await expect(readIdx("images", idx([1], [1], type))).rejects.toThrow(
      `images: expected elements of uint8, got ${name}`,
    );
  });

  it("refuses damaged gzip files", async () => {
    const packed = gzipSync(file);
    const flipped = Buffer.from(packed);
    flipped[packed.length - 6] = (packed[packed.length - 6] as number) ^ 1; // of the checksum
    for (const bytes of [packed.subarray(0, -9), packed.subarray(0, 2), flipped])
      await expect(readIdx("images.gz", bytes)).rejects.toThrow(/images\.gz: expected a whole gzip file/);
  });
});
