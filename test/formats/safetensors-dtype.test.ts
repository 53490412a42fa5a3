import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  decodeTensor,
  encodeTensor,
  type FileDType,
  fileDTypes,
  fileNames,
  storedAs,
} from "../../src/formats/safetensors-dtype.ts";

const readOne = (dtype: string, data: ArrayBufferView, shape: number[]): NDArray =>
  decodeTensor(
    fileDTypes[dtype] as FileDType,
    shape,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );

describe("decodeTensor", () => {
  it("widens F16 exactly, subnormals, infinities and NaN included", () => {
    const bits = Uint16Array.of(
      0x3c00,
      0xc000,
      0x0001,
      0x03ff,
      0x0400,
      0x7bff,
      0x7c00,
      0xfc00,
      0x7e00,
      0x8000,
    );
    const expected = [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, Infinity, -Infinity, NaN, -0];
    expect([...readOne("F16", bits, [10]).data]).toEqual(expected);
  });

  it("widens BF16 exactly", () => {
    const bits = Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001);
    expect([...readOne("BF16", bits, [4]).data]).toEqual([1, -3.140625, Infinity, 2 ** -133]);
  });

  it.each(["F16", "BF16"])("widens a long %s in place as it widens each number alone", (dtype) => {
    for (const length of [0, 1, 2, 3, 5, 2 ** 16]) {
      const bits = Uint16Array.from({ length }, (_, i) => 2 ** 16 - 1 - i);
      const together = readOne(dtype, bits, [length]).data;
      const alone = Array.from(bits, (each) => readOne(dtype, Uint16Array.of(each), [1]).data[0]);
      expect([...together]).toEqual(alone);
    }
  });

  it("rounds F64 to float32 and refuses what float32 cannot hold", () => {
    expect([...readOne("F64", Float64Array.of(0.1, -Infinity), [2]).data]).toEqual([
      Math.fround(0.1),
      -Infinity,
    ]);
    expect(() => readOne("F64", Float64Array.of(1e39), [1])).toThrow(/1e\+39, too large for float32/);
  });

  it("narrows I64 to int32 and refuses what int32 cannot hold", () => {
    const limits = BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n, -1n);
    expect(readOne("I64", limits, [3])).toEqual(NDArray.of([-(2 ** 31), 2 ** 31 - 1, -1], [3], "int32"));
    for (const value of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n, 2n ** 63n - 1n])
      expect(() => readOne("I64", BigInt64Array.of(value), [1])).toThrow(`${value}, too large for int32`);
  });

  it("takes only 0 and 1 for a bool", () => {
    expect(readOne("BOOL", Uint8Array.of(0, 1), [2])).toEqual(NDArray.of([0, 1], [2], "bool"));
    expect(() => readOne("BOOL", Uint8Array.of(255), [1])).toThrow(/255, where a bool is 0 or 1/);
  });
});

describe("fileNames", () => {
  it("name for each dtype the one that is read as it", () => {
    for (const [dtype, name] of Object.entries(fileNames)) expect(fileDTypes[name]?.dtype).toBe(dtype);
  });
});

describe("encodeTensor with half", () => {
  const half = (...values: number[]) => encodeTensor(NDArray.of(values), true);

  it("gives back every finite half as it was read", () => {
    const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
    const both = Uint16Array.of(...bits, ...bits.map((each) => each | 0x8000));
    expect(encodeTensor(readOne("F16", both, [both.length]), true)).toEqual(new Uint8Array(both.buffer));
  });

  it("rounds to the nearest, and to the even one of two", () => {
    const read = (bytes: Uint8Array) => [...readOne("F16", bytes, [bytes.length / 2]).data];
    expect(read(half(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20))).toEqual([
      1,
      1 + 2 ** -9,
      1 + 2 ** -10,
    ]);
    expect(read(half(2 ** -25, 3 * 2 ** -25, -(2 ** -25) * 1.5))).toEqual([0, 2 ** -23, -(2 ** -24)]);
    expect(read(half(65519))).toEqual([65504]);
  });

  it("refuses what no half holds, and leaves whole numbers alone", () => {
    for (const value of [65520, -1e9, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => half(value)).toThrow(`${value}, which float16 cannot hold`);
    const ints = NDArray.of([3], [1], "int32");
    expect(encodeTensor(ints, true)).toEqual(Uint8Array.of(3, 0, 0, 0));
    expect(storedAs("int32", true)).toEqual({ dtype: "I32", size: 4 });
    expect(storedAs("float32", true)).toEqual({ dtype: "F16", size: 2 });
  });
});
