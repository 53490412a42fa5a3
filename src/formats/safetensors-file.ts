import { type FileHandle, open, stat } from "node:fs/promises";
import { host } from "#host";
import { FileError, NDArray, type Shape } from "../base/index.ts";
import { writeWhole } from "./atomic.ts";
import {
  type Fail,
  type HeaderEntry,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  show,
} from "./safetensors-header.ts";
import { layOut, type WriteOptions } from "./safetensors-layout.ts";

/** A tensor where it lies in a file, so that others can map or read it there. */
export interface StoredTensor {
  readonly name: string;
  /** As the file names it: F32, F16, BF16, … */
  readonly dtype: string;
  readonly shape: Shape;
  readonly path: string;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** Bytes of files read so far. */
export interface ReadProgress {
  readonly bytes: number;
  readonly total: number;
}

/**
 * Weights that lie in one file or several and are read when asked for, F16, BF16 and F64 as float32, I64 as int32. Large ones
 * of float32 are mapped where there is the native engine: read when they are used, so that files have to stay as long.
 */
export interface WeightSource {
  /** In the order of the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** @throws FileError for a name that is not there, and for numbers that our dtypes do not hold */
  readonly read: (name: string) => Promise<NDArray>;
  readonly readAll: (onProgress?: (progress: ReadProgress) => void) => Promise<Map<string, NDArray>>;
  /** Gives the files back; nothing can be read after it. */
  readonly close: () => Promise<void>;
}

/** Tensors read at a time: while one is converted the next is on its way. */
const LANES = 2;
/** One call reads no more than this, below the 2 GiB that operating systems set. */
const MOST_BYTES = 2 ** 30;

/**
 * Opens a safetensors file, of which it reads the header; the rest is read where it lies.
 * @throws FileError for what `readSafetensors` refuses, and for what is no file
 */
export const openSafetensors = async (path: string): Promise<WeightSource> => {
  const fail = failing(path);
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const prefix = new Uint8Array(Math.min(LENGTH_BYTES, size));
    await readAt(file, prefix, 0, fail);
    const json = new Uint8Array(headerLength(prefix, size, fail));
    await readAt(file, json, LENGTH_BYTES, fail);
    const { entries, metadata } = parseHeader(json, size, fail);
    return sourceOf(path, file, entries, metadata);
  } catch (error) {
    await file.close();
    throw error;
  }
};

/** Every tensor of a source, in its order. */
export const readEach = async (
  { tensors, read }: Pick<WeightSource, "tensors" | "read">,
  onProgress: (progress: ReadProgress) => void = () => undefined,
): Promise<Map<string, NDArray>> => {
  const total = [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const arrays = new Map<string, NDArray>();
  const waiting = tensors.values();
  let done = 0;
  const lane = async () => {
    for (const { name, bytes } of waiting) {
      arrays.set(name, await read(name));
      done += bytes;
      onProgress({ bytes: done, total });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return new Map([...tensors.keys()].map((name) => [name, arrays.get(name) as NDArray]));
};

/**
 * Writes a safetensors file whole or not at all, tensor by tensor: the bytes of `writeSafetensors`, never all in memory.
 * @throws FileError where it cannot be written; RangeError for a number that F16 cannot hold
 */
export const writeSafetensorsFile = (
  path: string,
  tensors: ReadonlyMap<string, NDArray>,
  options: WriteOptions = {},
): Promise<void> => writeWhole(path, layOut(tensors, options).chunks());

const sourceOf = (
  path: string,
  file: FileHandle,
  entries: readonly HeaderEntry[],
  metadata: Readonly<Record<string, string>>,
): WeightSource => {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, end }) => [
      name,
      { name, dtype, shape, path, offset: begin, bytes: end - begin },
    ]),
  );
  const read = async (name: string): Promise<NDArray> => {
    const entry = byName.get(name) ?? failing(path)(`tensor ${show(name)}`, "none of that name");
    return readEntry(path, file, entry);
  };
  let closed: Promise<void> | undefined;
  return {
    tensors,
    metadata,
    read,
    readAll: (onProgress) => readEach({ tensors, read }, onProgress),
    close: () => {
      closed ??= file.close();
      return closed;
    },
  };
};

/** Bytes from which on a tensor is not read but mapped: a page. */
const LEAST_MAPPED = 2 ** 12;

/** A large tensor where it lies, read when it is used; null where it has to be read. */
const mapEntry = (file: FileHandle, { type, shape, begin, end }: HeaderEntry): NDArray | null => {
  if (!type.view || end - begin < LEAST_MAPPED || begin % type.size) return null;
  const mapped = host.mapFile(file.fd, begin, end - begin);
  if (!mapped) return null;
  return new NDArray(
    type.view(mapped.buffer, mapped.byteOffset, mapped.length / type.size),
    shape,
    type.dtype,
  );
};

const readEntry = async (path: string, file: FileHandle, entry: HeaderEntry): Promise<NDArray> => {
  const mapped = mapEntry(file, entry);
  if (mapped) return mapped;
  const { name, type, shape, begin, end } = entry;
  const fail = failing(path);
  const { bytes, take } = type.intake((end - begin) / type.size);
  await readAt(file, bytes, begin, fail);
  try {
    return new NDArray(take(), shape, type.dtype);
  } catch (error) {
    return fail(`tensor ${show(name)} to fit ${type.dtype}`, (error as Error).message);
  }
};

const failing =
  (path: string): Fail =>
  (expected, got, hint) => {
    throw new FileError(path, { expected, got, ...(hint && { hint }) });
  };

/** Opens a file and nothing else: a pipe or a device would be waited for. */
const openFile = async (path: string): Promise<FileHandle> => {
  const expected = "a readable safetensors file";
  const unreadable = (cause: Error): never => {
    throw new FileError(path, { expected, got: cause.message }, { cause });
  };
  const info = await stat(path).catch(unreadable);
  if (!info.isFile()) return failing(path)(expected, info.isDirectory() ? "a folder" : "no file");
  return open(path, "r").catch(unreadable);
};

/** Fills the room with the bytes of the file from a position on. */
const readAt = async (file: FileHandle, room: Uint8Array, position: number, fail: Fail): Promise<void> => {
  for (let filled = 0; filled < room.length; ) {
    const length = Math.min(room.length - filled, MOST_BYTES);
    const { bytesRead } = await file
      .read(room, filled, length, position + filled)
      .catch((error: Error) => fail(`${room.length} bytes from ${position} on`, error.message));
    if (bytesRead === 0)
      fail(`${room.length} bytes from ${position} on`, `${filled}: it was cut while it was read`);
    filled += bytesRead;
  }
};
