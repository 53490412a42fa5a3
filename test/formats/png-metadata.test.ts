import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ArgumentError, FileError, NDArray } from "../../src/base/index.ts";
import { encodePng, readPngText, writePngText } from "../../src/formats/index.ts";

const image = NDArray.of([0, 50, 100, 150], [1, 2, 2], "uint8");

const chunk = (type: string, ...parts: (string | number[] | Uint8Array)[]): Buffer => {
  const data = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
  );
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length);
  out.write(type, 4, "latin1");
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, -4)), data.length + 8);
  return out;
};

/** A PNG with another chunk behind its header. */
const insert = async (added: Uint8Array): Promise<Uint8Array> => {
  const png = await encodePng(image);
  const end = 8 + 25;
  return Buffer.concat([png.subarray(0, end), added, png.subarray(end)]);
};

describe("writePngText and readPngText", () => {
  it("give texts back, whatever their letters, lines and length", async () => {
    const texts = {
      prompt: "кот 🐈 \u0000?\nline 2",
      "undiffuse recipe": JSON.stringify({ a: [1] }),
      empty: "",
    };
    const long = { long: "x".repeat(100_000) };
    const png = await encodePng(image, { ...texts, ...long });
    expect(Object.fromEntries(readPngText(png))).toEqual({ ...texts, ...long });
  });

  it("leave the pixels as they were", async () => {
    const png = await encodePng(image, { a: "b" });
    expect([...(await sharp(png).toColourspace("b-w").raw().toBuffer())]).toEqual([...image.data]);
  });

  it("replace an earlier text of the same keyword and keep others", async () => {
    const first = await encodePng(image, { a: "1", b: "2" });
    const second = writePngText(first, { a: "3" });
    expect(Object.fromEntries(readPngText(second))).toEqual({ a: "3", b: "2" });
    expect(second.length).toBe(first.length);
  });

  it("refuse keywords that the format does not allow", async () => {
    const png = await encodePng(image);
    for (const keyword of ["", " a", "a ", "x".repeat(80), "кот", "a\u0000b", "a\nb"])
      expect(() => writePngText(png, { [keyword]: "text" })).toThrow(ArgumentError);
  });
});

describe("readPngText", () => {
  it("reads Latin-1 texts, plain and compressed", async () => {
    expect(readPngText(await insert(chunk("tEXt", "key\0caf\xe9"))).get("key")).toBe("café");
    const packed = chunk("zTXt", "key\0\0", deflateSync(Buffer.from("caf\xe9", "latin1")));
    expect(readPngText(await insert(packed)).get("key")).toBe("café");
  });

  it("reads compressed UTF-8 texts with a language and a translated keyword", async () => {
    const packed = chunk("iTXt", "key\0\x01\0ru\0", Buffer.from("ключ\0"), deflateSync(Buffer.from("кот")));
    expect(readPngText(await insert(packed)).get("key")).toBe("кот");
  });

  it("is empty for a PNG without texts", async () => {
    expect(readPngText(await encodePng(image)).size).toBe(0);
  });

  const damaged: Record<string, Buffer> = {
    "text that unfolds beyond bounds": chunk("zTXt", "key\0\0", deflateSync(Buffer.alloc((1 << 24) + 1))),
    "compressed text that is none": chunk("zTXt", "key\0\0", "not deflated"),
    "text that is not UTF-8": chunk("iTXt", "key\0\0\0\0\0", [0xff, 0xfe]),
    "a text without an end of its keyword": chunk("tEXt", "key"),
    "a text cut after its keyword": chunk("iTXt", "key\0\0\0"),
  };
  it.each(Object.entries(damaged))("refuses %s", async (_, added) => {
    const png = await insert(added);
    expect(() => readPngText(png)).toThrow(FileError);
  });

  it("refuses other bytes, every truncation and every flipped bit", async () => {
    expect(() => readPngText(Buffer.from("no picture"))).toThrow(FileError);
    const png = await encodePng(image, { a: "b" });
    for (let length = 0; length < png.length; length++)
      expect(() => readPngText(png.subarray(0, length))).toThrow(FileError);
    for (let i = 0; i < png.length; i++) {
      const bytes = png.slice();
      bytes[i] = (bytes[i] as number) ^ 0x20;
      expect(() => readPngText(bytes), `byte ${i}`).toThrow(FileError);
    }
  });
});
