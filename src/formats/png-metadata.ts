import { inflateSync } from "node:zlib";
import { ArgumentError, FileError } from "../base/index.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** A compressed text may not unfold to more bytes than this. */
const MAX_TEXT_BYTES = 1 << 24;
const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { fatal: true });

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** The chunk as it lies in the file: length, type, data, checksum. */
  readonly bytes: Uint8Array;
}

/**
 * The PNG with one iTXt chunk (UTF-8, uncompressed) for each entry, before the pixels; an earlier text of
 * the same keyword is replaced. Keywords: 1 to 79 printable Latin-1 characters (PNG, section 11.3.3).
 */
export const writePngText = (
  png: Uint8Array,
  entries: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> => {
  const names = Object.keys(entries);
  names.forEach(checkKeyword);
  const [header, ...rest] = readChunks(png).filter((chunk) => !names.includes(keywordOf(chunk) ?? ""));
  const texts = names.map((name) => encodeChunk("iTXt", internationalText(name, entries[name] as string)));
  return joinBytes([
    Uint8Array.from(SIGNATURE),
    ...(header ? [header.bytes] : []),
    ...texts,
    ...rest.map((chunk) => chunk.bytes),
  ]);
};

/** The texts of a PNG by keyword: iTXt, tEXt and zTXt. @throws FileError when a chunk is damaged. */
export const readPngText = (png: Uint8Array): Map<string, string> => {
  const texts = new Map<string, string>();
  for (const chunk of readChunks(png)) {
    const keyword = keywordOf(chunk);
    if (keyword !== undefined) texts.set(keyword, textOf(chunk, keyword.length + 1));
  }
  return texts;
};

const readChunks = (png: Uint8Array): Chunk[] => {
  if (!SIGNATURE.every((byte, i) => png[i] === byte)) throw damaged("a PNG signature", "other bytes");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  for (let offset = SIGNATURE.length; offset < png.length; ) {
    const end = offset + 12 <= png.length ? offset + 12 + view.getUint32(offset) : Number.POSITIVE_INFINITY;
    if (end > png.length) throw damaged("a whole chunk", `the end of the file after byte ${offset}`);
    const type = latin1.decode(png.subarray(offset + 4, offset + 8));
    if (crc32(png.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4))
      throw damaged(`chunk ${type} to match its checksum`, "another checksum");
    chunks.push({ type, data: png.subarray(offset + 8, end - 4), bytes: png.subarray(offset, end) });
    offset = end;
  }
  if (chunks[0]?.type !== "IHDR") throw damaged("IHDR as first chunk", chunks[0]?.type ?? "none");
  if (chunks.at(-1)?.type !== "IEND") throw damaged("IEND as last chunk", chunks.at(-1)?.type ?? "none");
  return chunks;
};

const keywordOf = ({ type, data }: Chunk): string | undefined => {
  if (type !== "iTXt" && type !== "tEXt" && type !== "zTXt") return undefined;
  return latin1.decode(data.subarray(0, endOfField(data, 0, type)));
};

const textOf = ({ type, data }: Chunk, start: number): string => {
  if (type === "tEXt") return latin1.decode(data.subarray(start));
  if (type === "zTXt") return latin1.decode(inflate(data.subarray(start + 1)));
  const translated = endOfField(data, start + 2, type) + 1; // after the compression bytes and the language
  const text = data.subarray(endOfField(data, translated, type) + 1);
  return decodeUtf8(data[start] === 1 ? inflate(text) : text);
};

const endOfField = (data: Uint8Array, start: number, type: string): number => {
  const end = data.indexOf(0, start);
  if (end === -1) throw damaged(`fields ended by zero in chunk ${type}`, "no zero");
  return end;
};

const inflate = (bytes: Uint8Array): Uint8Array => {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_TEXT_BYTES });
  } catch (error) {
    throw damaged(`compressed text of at most ${MAX_TEXT_BYTES} bytes`, (error as Error).message);
  }
};

const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    throw damaged("UTF-8 text in chunk iTXt", "other bytes");
  }
};

const checkKeyword = (keyword: string): void => {
  if (!/^[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?$/.test(keyword))
    throw new ArgumentError({
      who: "writePngText",
      expected: "a keyword of 1 to 79 printable Latin-1 characters without outer spaces",
      got: JSON.stringify(keyword),
    });
};

const internationalText = (keyword: string, text: string): Uint8Array =>
  joinBytes([
    Uint8Array.from(keyword, (letter) => letter.charCodeAt(0)),
    new Uint8Array(5), // end of keyword, not compressed, method 0, no language, no translated keyword
    new TextEncoder().encode(text),
  ]);

const encodeChunk = (type: string, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
};

const joinBytes = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
};

// node:zlib has crc32 only from Node 20.15 on.
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

const crc32 = (bytes: Uint8Array): number => {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++)
    c = (c >>> 8) ^ (crcTable[(c ^ (bytes[i] as number)) & 0xff] as number);
  return (c ^ 0xffffffff) >>> 0;
};

const damaged = (expected: string, got: string): FileError => new FileError("PNG", { expected, got });
