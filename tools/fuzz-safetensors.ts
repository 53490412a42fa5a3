// Reads mutated safetensors files and indexes of several, each from memory and from a folder, and fails at the first
// that gives anything but a FileError or what the file holds:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source tools/fuzz-safetensors.ts [cases] [seed]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, Generator, type NDArray } from "../src/base/index.ts";
import {
  openSafetensors,
  openSharded,
  readSafetensors,
  type StoredTensor,
  type WeightSource,
} from "../src/formats/index.ts";

/** What came of the cases. */
export interface FuzzReport {
  readonly cases: number;
  readonly read: number;
  readonly refused: number;
  /** Of the longest case, from memory and from files. */
  readonly longestMs: number;
}

/** What a file of so many bytes may take: itself, its bytes as float32, as text and as parsed JSON. */
const allowed = (bytes: number): number => 1_000_000 + 20 * bytes;
const PATIENCE_MS = 10_000;

/** Runs so many cases; the same for the same seed. @throws Error with the case's bytes, when one goes wrong */
export const fuzzSafetensors = async (cases: number, seed: number): Promise<FuzzReport> => {
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  const draws = drawsOf(seed);
  const counts = { read: 0, refused: 0, longestMs: 0 };
  try {
    for (let i = 0; i < cases; i++) {
      const started = performance.now();
      const ran = i % 5 === 4 ? indexCase(folder, draws) : fileCase(folder, draws);
      counts[(await within(ran, i)) ? "read" : "refused"]++;
      counts.longestMs = Math.max(counts.longestMs, performance.now() - started);
    }
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(outsideOf(folder), { force: true });
  }
  return { cases, ...counts };
};

/** Whole numbers from a seed. */
interface Draws {
  /** From 0 up to, not including, `limit`. */
  readonly below: (limit: number) => number;
  readonly one: <T>(of: readonly T[]) => T;
}

const drawsOf = (seed: number): Draws => {
  const generator = new Generator(seed);
  const below = (limit: number) => generator.nextWord() % limit;
  return { below, one: (of) => of[below(of.length)] as (typeof of)[number] };
};

const within = async <T>(running: Promise<T>, index: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`case ${index} hangs`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
};

const sizes = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1, BOOL: 1 } as const;
const dtypes = Object.keys(sizes) as (keyof typeof sizes)[];
const names = ["a", "weight", "__proto__", "constructor", "ключ", "", "a.b.0", "__metadata"];

/** A file that is right: a few tensors of random dtypes and shapes. */
const fileOf = (draws: Draws): Uint8Array => join8(...partsOf(draws));

const partsOf = (draws: Draws): readonly [string, Uint8Array] => {
  let end = 0;
  const data: number[] = [];
  const entries = Array.from({ length: draws.below(4) }, (_, i) => {
    const dtype = draws.one(dtypes);
    const shape = Array.from({ length: draws.below(4) }, () => draws.below(4));
    const begin = end;
    end += shape.reduce((product, n) => product * n, sizes[dtype]);
    // Bools of 0 and 1, and longs that fit into 32 bits.
    for (let k = begin; k < end; k++) data.push(dtype === "I64" && (k - begin) % 8 > 3 ? 0 : draws.below(2));
    return [`${draws.one(names)}${i}`, { dtype, shape, data_offsets: [begin, end] }];
  });
  const metadata = draws.below(2) ? [["__metadata__", { format: "pt" }]] : [];
  return [JSON.stringify(Object.fromEntries([...metadata, ...entries])), Uint8Array.from(data)];
};

const join8 = (header: string, data: Uint8Array): Uint8Array => {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
};

/** Values that readers of other languages fell over. */
const values = [
  "-1",
  "0",
  "1",
  "2",
  "0.5",
  "1e3",
  "4294967296",
  "2147483648",
  "9007199254740991",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  "1e308",
  "1e999",
  "-0",
  "null",
  "true",
  '""',
  "[]",
  "{}",
  '"F32"',
  '"F8_E4M3"',
  '"__proto__"',
  "[0,4]",
  "[[0]]",
  '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
];

const mutateText = (header: string, draws: Draws): string => {
  const at = draws.below(header.length + 1);
  const numbers = [...header.matchAll(/-?\d+/g)];
  const texts = [...header.matchAll(/"[^"]*"/g)];
  const pairs = [...header.matchAll(/\[\d+,\d+\]/g)];
  const swap = (found: RegExpMatchArray | undefined, by: string) =>
    found ? header.slice(0, found.index) + by + header.slice((found.index ?? 0) + found[0].length) : header;
  return draws.one<() => string>([
    () => swap(draws.one(numbers), draws.one(values)),
    () => swap(draws.one(numbers), String(draws.below(40))),
    () => swap(draws.one(texts), draws.one(values)),
    () =>
      swap(
        draws.one(texts),
        JSON.stringify(draws.one([...dtypes, ...names, "dtype", "shape", "data_offsets"])),
      ),
    () => {
      const pair = draws.one(pairs);
      return swap(pair, moved(pair?.[0] ?? "", draws.below(17) - 8));
    },
    () => header.slice(0, at) + header.slice(at + 1 + draws.below(4)),
    () =>
      header.slice(0, at) +
      draws.one(['"', "{", "}", "[", "]", ",", ":", "\\", " ", "\u0000", "é"]) +
      header.slice(at),
    () => header.slice(0, at) + draws.one(values) + header.slice(at),
    () => header + " ".repeat(draws.below(9)),
    () => (draws.one(["[", '{"a":']) as string).repeat(draws.below(3000)) + header,
    () => header.replace("}", `,${header.slice(1)}`),
  ])();
};

/** Offsets, or a shape, of which both numbers are so much larger. */
const moved = (pair: string, by: number): string => pair.replace(/\d+/g, (n) => String(Number(n) + by));

const mutateBytes = (bytes: Uint8Array, draws: Draws): Uint8Array => {
  const at = draws.below(bytes.length + 1);
  const changed = bytes.slice();
  return draws.one<() => Uint8Array>([
    () => changed.fill(draws.below(256), at, at + 1),
    () => changed.fill(draws.below(256), draws.below(8), 8),
    () => changed.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), Uint8Array.of(draws.below(256)), bytes.subarray(at)]),
    () => Buffer.concat([bytes, new Uint8Array(draws.below(20))]),
    () => bytes,
  ])();
};

const mutated = (draws: Draws): Uint8Array => {
  let [header, data] = partsOf(draws);
  for (let i = draws.below(3); i > 0; i--) header = mutateText(header, draws);
  return draws.below(2) ? mutateBytes(join8(header, data), draws) : join8(header, data);
};

/** Whether a mutated file was read; both readers have to agree. */
const fileCase = async (folder: string, draws: Draws): Promise<boolean> => {
  const bytes = mutated(draws);
  const path = join(folder, "model.safetensors");
  writeFileSync(path, bytes);
  try {
    const whole = await outcome(bytes.length, async () => readSafetensors(bytes).tensors);
    const stored = new Map<string, StoredTensor>();
    const parts = await outcome(bytes.length, () => readAll(openSafetensors(path), stored));
    if (!whole !== !parts)
      throw new Error(`one reader takes it, the other ${whole ? "from a file" : "from memory"} does not`);
    if (whole && parts) compare(bytes, whole, parts, stored);
    return whole !== undefined;
  } catch (cause) {
    throw new Error(`${(cause as Error).message}: ${JSON.stringify(Buffer.from(bytes).toString("latin1"))}`, {
      cause,
    });
  }
};

const readAll = async (
  opening: Promise<WeightSource>,
  stored: Map<string, StoredTensor>,
): Promise<ReadonlyMap<string, NDArray>> => {
  const source = await opening;
  try {
    for (const [name, tensor] of source.tensors) stored.set(name, tensor);
    return await source.readAll();
  } finally {
    await source.close();
  }
};

/** What a reader gives; undefined for a FileError. */
const outcome = async <T>(bytes: number, reading: () => Promise<T>): Promise<T | undefined> => {
  const before = process.memoryUsage().arrayBuffers;
  try {
    return await reading();
  } catch (error) {
    if (error instanceof FileError && /: expected .+, got /s.test(error.message)) return undefined;
    throw error;
  } finally {
    const taken = process.memoryUsage().arrayBuffers - before;
    // biome-ignore lint/correctness/noUnsafeFinally: it is the worse of two faults
    if (taken > allowed(bytes)) throw new Error(`${taken} bytes taken for a file of ${bytes}`);
  }
};

/** Each tensor is the bytes at its place, and the places fill the file behind its header. */
const compare = (
  bytes: Uint8Array,
  whole: ReadonlyMap<string, NDArray>,
  parts: ReadonlyMap<string, NDArray>,
  stored: ReadonlyMap<string, StoredTensor>,
): void => {
  const same = (a: string, b: string, what: string) => {
    if (a !== b) throw new Error(`${what}: ${a} and ${b}`);
  };
  const show = (arrays: ReadonlyMap<string, NDArray>) =>
    JSON.stringify(
      [...arrays].map(([name, { shape, dtype, data }]) => [name, shape, dtype, [...data].map(String)]),
    );
  same(show(whole), show(parts), "the readers differ");
  let reached = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  for (const { name, dtype, shape, offset, bytes: length } of stored.values()) {
    same(String(offset), String(reached), `tensor ${name} begins elsewhere`);
    const elements = shape.reduce((product, n) => product * n, 1);
    same(
      String(length),
      String(elements * sizes[dtype as keyof typeof sizes]),
      `tensor ${name} has other bytes`,
    );
    same(String(parts.get(name)?.data.length), String(elements), `tensor ${name} has other elements`);
    reached = offset + length;
    const array = parts.get(name)?.data;
    if (array && (dtype === "F32" || dtype === "U8")) {
      const held = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
      if (!held.equals(bytes.subarray(offset, reached)))
        throw new Error(`tensor ${name} is not what the file holds`);
    }
  }
  same(String(reached), String(bytes.length), "bytes are left over");
};

/** A file of the right tensors that lies beside the folder: an index that names it must not be followed. */
const outsideOf = (folder: string): string => `${folder}-outside.safetensors`;

/** Whether a mutated index was read; nothing but its own folder may be. */
const indexCase = async (folder: string, draws: Draws): Promise<boolean> => {
  const outside = outsideOf(folder);
  const shard = "1.safetensors";
  const bytes = fileOf(draws);
  writeFileSync(join(folder, shard), bytes);
  writeFileSync(outside, bytes);
  const tensors = [...readSafetensors(bytes).tensors.keys()];
  const places = [
    shard,
    shard,
    shard,
    "2.safetensors",
    outside,
    `../${outside.split("/").at(-1)}`,
    ".",
    "..",
    "",
    "a/../1.safetensors",
  ];
  const strange = draws.below(3) === 0;
  const weight_map = Object.fromEntries(tensors.map((name) => [name, strange ? draws.one(places) : shard]));
  let text = JSON.stringify({ metadata: {}, weight_map });
  for (let i = draws.below(3); i > 0; i--) text = mutateText(text, draws);
  const path = join(folder, "model.safetensors.index.json");
  writeFileSync(path, text);
  try {
    const stored = new Map<string, StoredTensor>();
    const read = await outcome(bytes.length + text.length, () => readAll(openSharded(path), stored));
    const away = [...stored.values()].find((tensor) => dirname(tensor.path) !== folder);
    if (away) throw new Error(`read outside the folder, ${away.path}`);
    return read !== undefined;
  } catch (cause) {
    throw new Error(`${(cause as Error).message}: ${text}`, { cause });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [cases = 100_000, seed = 20261127] = process.argv.slice(2).map(Number);
  const started = performance.now();
  const { read, refused, longestMs } = await fuzzSafetensors(cases, seed);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `${cases} cases in ${seconds} s: ${read} read, ${refused} refused, the longest ${longestMs.toFixed(0)} ms`,
  );
}
