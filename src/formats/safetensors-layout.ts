import { ArgumentError, type NDArray } from "../base/index.ts";
import { encodeTensor, storedAs } from "./safetensors-dtype.ts";
import { LENGTH_BYTES, MAX_HEADER, METADATA, show } from "./safetensors-header.ts";

/** What stands beside tensors, and how they are stored. */
export interface WriteOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Store float32 as F16, rounded to the nearest. */
  readonly half?: boolean;
}

/** A safetensors file before it is written. */
export interface Layout {
  /** Bytes of the file. */
  readonly size: number;
  /** The bytes in their order: the header, then each tensor, made when its turn comes. */
  readonly chunks: () => Iterable<Uint8Array>;
}

/**
 * How tensors stand in a file: the same for the same content, whatever its order. Wide dtypes come first, then names
 * in alphabetical order, and data starts at a multiple of 8 bytes.
 * @throws RangeError from `chunks` for a number that F16 cannot hold
 */
export const layOut = (
  tensors: ReadonlyMap<string, NDArray>,
  { metadata = {}, half = false }: WriteOptions,
): Layout => {
  checkWritable(tensors, metadata);
  const sorted = [...tensors]
    .map(([name, array]) => ({ name, array, ...storedAs(array.dtype, half) }))
    .sort((a, b) => b.size - a.size || byText(a.name, b.name));
  let end = 0;
  const entries = sorted.map(({ name, array, dtype, size }) => {
    const begin = end;
    end += array.data.length * size;
    return [name, { dtype, shape: array.shape, data_offsets: [begin, end] }] as const;
  });
  const texts = Object.entries(metadata).sort(([a], [b]) => byText(a, b));
  const leading = texts.length ? [[METADATA, Object.fromEntries(texts)] as const] : [];
  const head = encodeHeader(Object.fromEntries([...leading, ...entries]));
  const chunks = function* () {
    yield head;
    for (const { name, array } of sorted) yield encoded(name, array, half);
  };
  return { size: head.length + end, chunks };
};

const encoded = (name: string, array: NDArray, half: boolean): Uint8Array => {
  try {
    return encodeTensor(array, half);
  } catch (cause) {
    throw new RangeError(`tensor ${show(name)} has ${(cause as Error).message}`, { cause });
  }
};

const checkWritable = (tensors: ReadonlyMap<string, NDArray>, metadata: object): void => {
  if (tensors.has(METADATA))
    throw new ArgumentError({ who: "writeSafetensors", expected: "tensor names", got: METADATA });
  const strange = Object.entries(metadata).find(([, value]) => typeof value !== "string");
  if (strange)
    throw new ArgumentError({
      who: "writeSafetensors",
      expected: `text under ${show(strange[0])}`,
      got: show(strange[1]),
    });
};

/** The header behind its length, filled with spaces to a multiple of 8 bytes. */
const encodeHeader = (header: object): Uint8Array => {
  const bytes = new TextEncoder().encode(JSON.stringify(header));
  if (bytes.length > MAX_HEADER - 8)
    throw new ArgumentError({
      who: "writeSafetensors",
      expected: `names and metadata of at most ${MAX_HEADER} bytes`,
      got: String(bytes.length),
    });
  const length = Math.ceil(bytes.length / 8) * 8;
  const padded = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(length), true);
  padded.set(bytes, LENGTH_BYTES);
  return padded;
};

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
