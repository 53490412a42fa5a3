import type { Shape } from "../base/index.ts";
import { type FileDType, fileDTypes } from "./safetensors-dtype.ts";

/** What the format allows for the JSON header, in bytes. */
export const MAX_HEADER = 100_000_000;
export const METADATA = "__metadata__";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where a tensor lies, in bytes from the start of the file. */
export interface HeaderEntry {
  readonly name: string;
  /** The dtype's name in the file, and what it becomes. */
  readonly dtype: string;
  readonly type: FileDType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Raises the error of the file that is read. */
export type Fail = (expected: string, got: string, hint?: string) => never;

/** Bytes at the start of a file that say how long its header is. */
export const LENGTH_BYTES = 8;
const cutShort = "the file is cut short, as an interrupted download leaves it: get it again";

/** Bytes of the JSON header, by the first 8 of a file of `size` bytes. */
export const headerLength = (prefix: Uint8Array, size: number, fail: Fail): number => {
  if (prefix.length < LENGTH_BYTES)
    return fail("a header length of 8 bytes", `${size} bytes in all`, cutShort);
  if (isPointer(prefix))
    return fail("a safetensors file", "what Git LFS keeps in its place", "run `git lfs pull` in its folder");
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > MAX_HEADER) return fail(`a header of at most ${MAX_HEADER} bytes`, `${length}`);
  const rest = size - LENGTH_BYTES;
  if (length > rest)
    return fail(`a header of ${length} bytes`, `the end of the file after ${rest}`, cutShort);
  return Number(length);
};

/**
 * What the JSON header of a file of `size` bytes says, by the format's rules to the letter: known dtypes, each key once,
 * data without holes or overlaps up to the end of the file (huggingface/safetensors, "Format").
 */
export const parseHeader = (json: Uint8Array, size: number, fail: Fail): SafetensorsHeader => {
  const start = LENGTH_BYTES + json.length;
  const header = parseObject(json, fail);
  const metadata = checkMetadata(header[METADATA], fail);
  const entries = Object.entries(header)
    .filter(([key]) => key !== METADATA)
    .map(([key, value]) => checkEntry(key, value, start, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkContiguous(entries, { start, size }, fail);
  return { entries, metadata };
};

/** Git LFS leaves a text of this beginning where a large file was not fetched. */
const isPointer = (prefix: Uint8Array): boolean => String.fromCharCode(...prefix) === "version ";

const parseObject = (bytes: Uint8Array, fail: Fail): Record<string, unknown> => {
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

const checkEntry = (name: string, value: unknown, start: number, fail: Fail): HeaderEntry => {
  const { dtype, shape, data_offsets, ...rest } = isObject(value) ? value : fail(of(name), show(value));
  if (Object.keys(rest).length) fail(of(name), `also ${Object.keys(rest).join(", ")}`);
  if (typeof dtype !== "string" || !Object.hasOwn(fileDTypes, dtype))
    return fail(`tensor ${show(name)} of a dtype among ${Object.keys(fileDTypes).join(", ")}`, show(dtype));
  const type = fileDTypes[dtype] as FileDType;
  if (!isNaturals(shape)) return fail(`tensor ${show(name)} with a shape`, show(shape));
  if (!isNaturals(data_offsets) || data_offsets.length !== 2)
    return fail(`tensor ${show(name)} with data_offsets [begin, end]`, show(data_offsets));
  const [begin, end] = data_offsets as [number, number];
  // Kept exact at each factor: a product that leaves the safe integers turns NaN and equals nothing.
  const size = shape.reduce((product, n) => exact(product * n), type.size);
  if (end - begin !== size)
    return fail(`tensor ${show(name)} ${dtype}${show(shape)} of ${size} bytes`, `offsets ${begin} to ${end}`);
  return { name, dtype, type, shape, begin: start + begin, end: start + end };
};

const checkContiguous = (
  entries: readonly HeaderEntry[],
  { start, size }: { readonly start: number; readonly size: number },
  fail: Fail,
): void => {
  let reached = start;
  for (const { name, begin, end } of entries) {
    if (begin !== reached)
      fail(`tensor ${show(name)} to begin at byte ${reached - start}`, `${begin - start}`);
    reached = end;
  }
  if (reached !== size)
    fail(`data of ${reached - start} bytes`, `${size - start}`, reached > size ? cutShort : undefined);
};

const of = (name: string): string => `tensor ${show(name)} as {dtype, shape, data_offsets}`;

const exact = (value: number): number => (Number.isSafeInteger(value) ? value : Number.NaN);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNaturals = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** A value as JSON, cut where it grows long. */
export const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};
