import { ArgumentError, FileError, type NDArray, type Shape } from "../base/index.ts";
import { decodeTensor, encodeTensor, type FileDType, fileDTypes } from "./safetensors-dtype.ts";

/** Tensors by name and what the file says beside them. */
export interface Safetensors {
  readonly tensors: Map<string, NDArray>;
  readonly metadata: Record<string, string>;
}

/** What the format allows for the JSON header, in bytes. */
const MAX_HEADER = 100_000_000;
const METADATA = "__metadata__";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface Entry {
  readonly name: string;
  readonly type: FileDType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file: F32, I32, U8 and BOOL as they are, F16, BF16 and F64 as float32, I64 as int32.
 * Tensors are copies in the order of the file. Follows the format's rules to the letter (8-byte length,
 * JSON header, data without holes or overlaps; huggingface/safetensors, "Format").
 * @param name stands for the file in errors @throws FileError for anything else
 */
export const readSafetensors = (bytes: Uint8Array, name = "safetensors"): Safetensors => {
  const fail = (expected: string, got: string): never => {
    throw new FileError(name, { expected, got });
  };
  const start = 8 + headerLength(bytes, fail);
  const header = parseHeader(bytes.subarray(8, start), fail);
  const metadata = checkMetadata(header[METADATA], fail);
  const entries = Object.entries(header)
    .filter(([key]) => key !== METADATA)
    .map(([key, value]) => checkEntry(key, value, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkContiguous(entries, bytes.length - start, fail);
  const tensors = new Map<string, NDArray>();
  for (const entry of entries) {
    const data = bytes.subarray(start + entry.begin, start + entry.end);
    try {
      tensors.set(entry.name, decodeTensor(entry.type, entry.shape, data));
    } catch (error) {
      fail(`tensor ${show(entry.name)} to fit ${entry.type.dtype}`, (error as Error).message);
    }
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
  checkWritable(tensors, metadata);
  const sorted = [...tensors]
    .map(([name, array]) => ({ name, shape: array.shape, ...encodeTensor(array, half) }))
    .sort((a, b) => b.size - a.size || byText(a.name, b.name));
  let end = 0;
  const entries = sorted.map(({ name, dtype, shape, bytes }) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const texts = Object.entries(metadata).sort(([a], [b]) => byText(a, b));
  const leading = texts.length ? [[METADATA, Object.fromEntries(texts)] as const] : [];
  const header = encodeHeader(Object.fromEntries([...leading, ...entries]));
  const out = new Uint8Array(8 + header.length + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  let offset = 8 + header.length;
  for (const { bytes } of sorted) {
    out.set(bytes, offset);
    offset += bytes.length;
  }
  return out;
};

type Fail = (expected: string, got: string) => never;

const headerLength = (bytes: Uint8Array, fail: Fail): number => {
  if (bytes.length < 8) return fail("a header length of 8 bytes", `${bytes.length} bytes in all`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER) return fail(`a header of at most ${MAX_HEADER} bytes`, `${length}`);
  if (length > bytes.length - 8)
    return fail(`a header of ${length} bytes`, `the end of the file after ${bytes.length - 8}`);
  return Number(length);
};

const parseHeader = (bytes: Uint8Array, fail: Fail): Record<string, unknown> => {
  let text = "";
  let header: unknown;
  try {
    text = utf8.decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    return fail("a header of JSON in UTF-8", (error as Error).message);
  }
  if (!isObject(header) || !text.startsWith("{")) return fail("a JSON object as header", show(header));
  const kept = Object.values(header).reduce<number>(
    (count, value) => count + (isObject(value) ? Object.keys(value).length : 0),
    Object.keys(header).length,
  );
  if (countKeys(text) !== kept) return fail("each key of the header once", "a key twice or nested too deep");
  return header;
};

/** Keys of all objects in valid JSON: strings before a colon. JSON.parse keeps only the last of equal ones. */
const countKeys = (json: string): number => {
  let keys = 0;
  for (let i = json.indexOf('"'); i !== -1; i = json.indexOf('"', i)) {
    for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
    do i++;
    while (" \t\r\n".includes(json[i] ?? "end"));
    if (json[i] === ":") keys++;
  }
  return keys;
};

const checkMetadata = (metadata: unknown, fail: Fail): Record<string, string> => {
  if (metadata === undefined) return {};
  if (!isObject(metadata)) return fail(`${METADATA} as an object of texts`, show(metadata));
  const strange = Object.entries(metadata).find(([, value]) => typeof value !== "string");
  if (strange) return fail(`${METADATA} with text under ${show(strange[0])}`, show(strange[1]));
  return metadata as Record<string, string>;
};

const checkEntry = (name: string, value: unknown, fail: Fail): Entry => {
  const { dtype, shape, data_offsets, ...rest } = isObject(value) ? value : fail(of(name), show(value));
  if (Object.keys(rest).length) fail(of(name), `also ${Object.keys(rest).join(", ")}`);
  const type =
    typeof dtype === "string" && Object.hasOwn(fileDTypes, dtype)
      ? (fileDTypes[dtype] as FileDType)
      : fail(`tensor ${show(name)} of a dtype among ${Object.keys(fileDTypes).join(", ")}`, show(dtype));
  if (!isNaturals(shape)) return fail(`tensor ${show(name)} with a shape`, show(shape));
  if (!isNaturals(data_offsets) || data_offsets.length !== 2)
    return fail(`tensor ${show(name)} with data_offsets [begin, end]`, show(data_offsets));
  const [begin, end] = data_offsets as [number, number];
  // Kept exact at each factor: a product that leaves the safe integers turns NaN and equals nothing.
  const size = shape.reduce((product, n) => exact(product * n), type.size);
  if (end - begin !== size)
    return fail(`tensor ${show(name)} ${dtype}${show(shape)} of ${size} bytes`, `offsets ${begin} to ${end}`);
  return { name, type, shape, begin, end };
};

const checkContiguous = (entries: readonly Entry[], length: number, fail: Fail): void => {
  let reached = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== reached) fail(`tensor ${show(name)} to begin at byte ${reached}`, `${begin}`);
    reached = end;
  }
  if (reached !== length) fail(`data of ${reached} bytes`, `${length}`);
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

const encodeHeader = (header: object): Uint8Array => {
  const bytes = new TextEncoder().encode(JSON.stringify(header));
  if (bytes.length > MAX_HEADER - 8)
    throw new ArgumentError({
      who: "writeSafetensors",
      expected: `names and metadata of at most ${MAX_HEADER} bytes`,
      got: String(bytes.length),
    });
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
};

const of = (name: string): string => `tensor ${show(name)} as {dtype, shape, data_offsets}`;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const exact = (value: number): number => (Number.isSafeInteger(value) ? value : Number.NaN);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNaturals = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** A value as JSON, cut where it grows long. */
const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};
