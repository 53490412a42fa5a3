import { FileError, type NDArray } from "../base/index.ts";
import { decodeTensor } from "./safetensors-dtype.ts";
import { type Fail, headerLength, LENGTH_BYTES, parseHeader, show } from "./safetensors-header.ts";
import { layOut } from "./safetensors-layout.ts";

/** Tensors by name and what the file says beside them. */
export interface Safetensors {
  readonly tensors: Map<string, NDArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors file: F32, I32, U8 and BOOL as they are, F16, BF16 and F64 as float32, I64 as int32.
 * Tensors are copies in the order of the file.
 * @param name stands for the file in errors @throws FileError for anything else
 */
export const readSafetensors = (bytes: Uint8Array, name = "safetensors"): Safetensors => {
  const fail: Fail = (expected, got, hint) => {
    throw new FileError(name, { expected, got, ...(hint && { hint }) });
  };
  const start = LENGTH_BYTES + headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, fail);
  const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, start), bytes.length, fail);
  const tensors = new Map<string, NDArray>();
  for (const { name, type, shape, begin, end } of entries)
    try {
      tensors.set(name, decodeTensor(type, shape, bytes.subarray(begin, end)));
    } catch (error) {
      fail(`tensor ${show(name)} to fit ${type.dtype}`, (error as Error).message);
    }
  return { tensors, metadata };
};

/**
 * The bytes of a safetensors file: the same for the same content, whatever its order. Wide dtypes come
 * first, then names in alphabetical order, and data starts at a multiple of 8 bytes.
 * @param options.half stores float32 as F16, rounded to the nearest
 * @throws RangeError for a number that F16 cannot hold
 */
export const writeSafetensors = (
  tensors: ReadonlyMap<string, NDArray>,
  metadata: Readonly<Record<string, string>> = {},
  { half = false }: { readonly half?: boolean } = {},
): Uint8Array<ArrayBuffer> => {
  const { size, chunks } = layOut(tensors, { metadata, half });
  const out = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks()) {
    out.set(chunk, offset);
    offset += chunk.length;
  }
  return out;
};
