import { type DType, NDArray, type Shape, type Storage } from "../base/index.ts";

/** How a dtype of a safetensors file becomes one of ours. */
export interface FileDType {
  /** Bytes of one element in the file. */
  readonly size: number;
  readonly dtype: DType;
  /** Takes bytes of its own, aligned at 0; throws a RangeError for values that the dtype cannot hold. */
  readonly read: (buffer: ArrayBuffer) => Storage[DType];
}

/** 1 sign, 5 exponent and 10 fraction bits (IEEE 754 binary16). */
const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

const fromHalf = (buffer: ArrayBuffer): Float32Array =>
  new Float32Array(new Uint16Array(buffer)).map(halfToNumber);

/** bfloat16 is the upper half of a float32. */
const fromBrainHalf = (buffer: ArrayBuffer): Float32Array => {
  const halves = new Uint16Array(buffer);
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = (halves[i] as number) << 16;
  return new Float32Array(words.buffer);
};

const fromDouble = (buffer: ArrayBuffer): Float32Array => {
  const doubles = new Float64Array(buffer);
  const singles = new Float32Array(doubles);
  const lost = doubles.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(singles[i]));
  if (lost !== -1) throw new RangeError(`${doubles[lost]}, too large for float32`);
  return singles;
};

const fromLong = (buffer: ArrayBuffer): Int32Array => {
  const words = new Int32Array(buffer); // low, high, low, high, …
  const out = new Int32Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const low = words[2 * i] as number;
    if (words[2 * i + 1] !== low >> 31)
      throw new RangeError(`${new BigInt64Array(buffer)[i]}, too large for int32`);
    out[i] = low;
  }
  return out;
};

const fromBool = (buffer: ArrayBuffer): Uint8Array => {
  const bytes = new Uint8Array(buffer);
  const strange = bytes.find((byte) => byte > 1);
  if (strange !== undefined) throw new RangeError(`${strange}, where a bool is 0 or 1`);
  return bytes;
};

/** The dtypes that are read, by their name in a file. */
export const fileDTypes: Readonly<Record<string, FileDType>> = {
  F64: { size: 8, dtype: "float32", read: fromDouble },
  I64: { size: 8, dtype: "int32", read: fromLong },
  F32: { size: 4, dtype: "float32", read: (buffer) => new Float32Array(buffer) },
  I32: { size: 4, dtype: "int32", read: (buffer) => new Int32Array(buffer) },
  F16: { size: 2, dtype: "float32", read: fromHalf },
  BF16: { size: 2, dtype: "float32", read: fromBrainHalf },
  U8: { size: 1, dtype: "uint8", read: (buffer) => new Uint8Array(buffer) },
  BOOL: { size: 1, dtype: "bool", read: fromBool },
};

/** The name in a file of each of our dtypes. */
export const fileNames: Readonly<Record<DType, "F32" | "I32" | "U8" | "BOOL">> = {
  float32: "F32",
  int32: "I32",
  uint8: "U8",
  bool: "BOOL",
};

/** The bits of the nearest half of every number, of two the even one. @throws RangeError for what no half holds */
const toHalf = (data: Float32Array): Uint16Array => {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const out = new Uint16Array(data.length);
  for (let i = 0; i < out.length; i++) {
    const word = words[i] as number;
    const sign = (word >>> 16) & 0x8000;
    const bits = word & 0x7fffffff;
    if (bits >= 0x477ff000) throw new RangeError(`${data[i]}, which float16 cannot hold`);
    // Below 2^-14 halves stand 2^-24 apart; a float32 beyond 2^23 has no fraction, so that the sum is rounded.
    const magnitude =
      bits < 0x38800000
        ? Math.fround(Math.abs(data[i] as number) * 2 ** 24 + 2 ** 23) - 2 ** 23
        : (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
    out[i] = sign | magnitude;
  }
  return out;
};

/** A tensor as it stands in a file. */
export interface EncodedTensor {
  readonly dtype: "F32" | "I32" | "U8" | "BOOL" | "F16";
  /** Bytes of one element. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** The bytes of an array; `half` takes float32 to float16. @throws RangeError for numbers that float16 cannot hold */
export const encodeTensor = ({ dtype, data }: NDArray, half: boolean): EncodedTensor => {
  const halved = half && data instanceof Float32Array;
  const stored = halved ? toHalf(data) : data;
  return {
    dtype: halved ? "F16" : fileNames[dtype],
    size: stored.BYTES_PER_ELEMENT,
    bytes: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength),
  };
};

/** The array of a tensor's bytes, which are copied. */
export const decodeTensor = ({ dtype, read }: FileDType, shape: Shape, bytes: Uint8Array): NDArray =>
  new NDArray(read(new Uint8Array(bytes).buffer), shape, dtype);
