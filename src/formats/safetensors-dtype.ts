import { type DType, NDArray, type Shape, type Storage } from "../base/index.ts";
import { type Half, widenInPlace } from "./safetensors-halves.ts";

/** Room for the bytes of a tensor as they lie in a file, and what makes an array of them in place. */
export interface Intake {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** To be called once, when the bytes are there. @throws RangeError for values that the dtype cannot hold */
  readonly take: () => Storage[DType];
}

/** How a dtype of a safetensors file becomes one of ours. */
export interface FileDType {
  /** Bytes of one element in the file. */
  readonly size: number;
  readonly dtype: DType;
  readonly intake: (length: number) => Intake;
  /** Memory that holds such a tensor's bytes as an array; only where they lie in a file as they do here. */
  readonly view?: (buffer: ArrayBuffer, offset: number, length: number) => Storage[DType];
}

const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer, byteOffset, byteLength);

const asIs = <A extends Storage[DType] & ArrayBufferView<ArrayBuffer>>(array: A): Intake => ({
  bytes: bytesIn(array),
  take: () => array,
});

const widened = (length: number, half: Half): Intake => {
  const words = new Float32Array(length);
  return {
    bytes: new Uint8Array(words.buffer, 2 * length, 2 * length),
    take: () => {
      widenInPlace(words, half);
      return words;
    },
  };
};

const toSingles = (doubles: Float64Array): Float32Array => {
  const singles = new Float32Array(doubles);
  const lost = doubles.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(singles[i]));
  if (lost !== -1) throw new RangeError(`${doubles[lost]}, too large for float32`);
  return singles;
};

const toInts = (longs: BigInt64Array): Int32Array => {
  const words = new Int32Array(longs.buffer); // low, high, low, high, …
  const out = new Int32Array(longs.length);
  for (let i = 0; i < out.length; i++) {
    const low = words[2 * i] as number;
    if (words[2 * i + 1] !== low >> 31) throw new RangeError(`${longs[i]}, too large for int32`);
    out[i] = low;
  }
  return out;
};

const checkBools = (bytes: Uint8Array): Uint8Array => {
  const strange = bytes.find((byte) => byte > 1);
  if (strange !== undefined) throw new RangeError(`${strange}, where a bool is 0 or 1`);
  return bytes;
};

/** The dtypes that are read, by their name in a file. */
export const fileDTypes: Readonly<Record<string, FileDType>> = {
  F64: {
    size: 8,
    dtype: "float32",
    intake: (length) => {
      const doubles = new Float64Array(length);
      return { bytes: bytesIn(doubles), take: () => toSingles(doubles) };
    },
  },
  I64: {
    size: 8,
    dtype: "int32",
    intake: (length) => {
      const longs = new BigInt64Array(length);
      return { bytes: bytesIn(longs), take: () => toInts(longs) };
    },
  },
  F32: {
    size: 4,
    dtype: "float32",
    intake: (length) => asIs(new Float32Array(length)),
    view: (...place) => new Float32Array(...place),
  },
  I32: { size: 4, dtype: "int32", intake: (length) => asIs(new Int32Array(length)) },
  F16: { size: 2, dtype: "float32", intake: (length) => widened(length, "widenHalves") },
  BF16: { size: 2, dtype: "float32", intake: (length) => widened(length, "widenBrainHalves") },
  U8: { size: 1, dtype: "uint8", intake: (length) => asIs(new Uint8Array(length)) },
  BOOL: {
    size: 1,
    dtype: "bool",
    intake: (length) => {
      const bytes = new Uint8Array(length);
      return { bytes, take: () => checkBools(bytes) };
    },
  },
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

/** How a tensor stands in a file: its dtype there, and the bytes of one element. */
export interface StoredAs {
  readonly dtype: "F32" | "I32" | "U8" | "BOOL" | "F16";
  readonly size: number;
}

/** How an array of a dtype is written; `half` takes float32 to float16. */
export const storedAs = (dtype: DType, half: boolean): StoredAs =>
  half && dtype === "float32"
    ? { dtype: "F16", size: 2 }
    : { dtype: fileNames[dtype], size: (fileDTypes[fileNames[dtype]] as FileDType).size };

/** The bytes of an array as `storedAs` says. @throws RangeError for numbers that float16 cannot hold */
export const encodeTensor = ({ data }: NDArray, half: boolean): Uint8Array => {
  const stored = half && data instanceof Float32Array ? toHalf(data) : data;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
};

/** The array of a tensor's bytes, which are copied. @throws RangeError for bytes that are no such array */
export const decodeTensor = (
  { size, dtype, intake }: FileDType,
  shape: Shape,
  bytes: Uint8Array,
): NDArray => {
  const { bytes: room, take } = intake(bytes.length / size);
  room.set(bytes);
  return new NDArray(take(), shape, dtype);
};
