import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { decodeTensor, type FileDType, fileDTypes, fileNames } from "../../src/formats/safetensors-dtype.ts";

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
