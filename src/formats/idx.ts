import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { FileError, NDArray } from "../base/index.ts";

/** Element types by the third byte of a file (LeCun, "The MNIST database", 1998). */
const types: Readonly<Record<number, string>> = {
  8: "uint8",
  9: "int8",
  11: "int16",
  12: "int32",
  13: "float32",
  14: "float64",
};
const UINT8 = 8;

/** Unpacked bytes; all of MNIST's training images are 47 MB. */
const MAX_BYTES = 2 ** 30;

/**
 * The array uint8 of any shape in an idx file (MNIST's format), plain or gzipped, recognised by content.
 * `name` stands in the errors. @throws FileError unless every byte of header and length is as it must be
 */
export const readIdx = async (name: string, file: Uint8Array): Promise<NDArray> => {
  const bytes = isGzip(file) ? await unpack(name, file) : file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = checkMagic(name, bytes);
  const start = 4 + 4 * rank;
  if (bytes.length < start)
    throw damaged(name, `a header of ${start} bytes for ${rank} dimensions`, `${bytes.length} bytes`);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length !== start + size)
    throw damaged(
      name,
      `${size} elements for a shape of ${shape.join(" × ")}`,
      `${bytes.length - start} bytes after the header`,
    );
  return new NDArray(new Uint8Array(bytes.subarray(start)), shape, "uint8");
};

const isGzip = (file: Uint8Array): boolean => file[0] === 0x1f && file[1] === 0x8b;

const unpack = (name: string, file: Uint8Array): Promise<Uint8Array> =>
  promisify(gunzip)(file, { maxOutputLength: MAX_BYTES }).catch((cause: NodeJS.ErrnoException) => {
    const large = cause.code === "ERR_BUFFER_TOO_LARGE";
    const expected = large ? `at most ${MAX_BYTES} bytes unpacked` : "a whole gzip file";
    throw new FileError(name, { expected, got: large ? "more" : cause.message }, { cause });
  });

/** Two zero bytes, the type and the rank, which is given back. */
const checkMagic = (name: string, bytes: Uint8Array): number => {
  const [zero = -1, zeroToo = -1, type = -1, rank = 0] = bytes;
  const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (zero !== 0 || zeroToo !== 0 || !types[type] || rank === 0)
    throw damaged(
      name,
      "an idx file (00 00, type, rank)",
      start ? `one that begins ${start}` : "an empty file",
    );
  if (type !== UINT8)
    throw new FileError(name, { expected: "elements of uint8", got: types[type] as string });
  return rank;
};

const damaged = (name: string, expected: string, got: string): FileError =>
  new FileError(name, { expected, got, hint: "is it whole, and of MNIST's format?" });
