import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { pictureFormat, pictureFormats } from "../../src/formats/index.ts";

const picture = sharp({ create: { width: 3, height: 2, channels: 3, background: "#336699" } });

describe("pictureFormat", () => {
  it.each(pictureFormats)("recognises %s by its first 12 bytes", async (format) => {
    const bytes = await picture.clone().toFormat(format).toBuffer();
    expect(pictureFormat(bytes)).toBe(format);
    expect(pictureFormat(bytes.subarray(0, 12))).toBe(format);
  });

  it.each(["II*\0", "MM\0*", "II+\0", "MM\0+"])(
    "recognises TIFF of either byte order and size: %j",
    (start) => {
      expect(pictureFormat(Buffer.from(`${start}12345678`))).toBe("tiff");
    },
  );

  it("is null for other formats, texts and too few bytes", async () => {
    expect(pictureFormat(Buffer.from("BM..............."))).toBeNull();
    expect(pictureFormat(Buffer.from("II\0*........"))).toBeNull();
    expect(pictureFormat(Buffer.from("RIFF....WAVE"))).toBeNull();
    expect(pictureFormat(Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"))).toBeNull();
    expect(pictureFormat(Uint8Array.of(0x89, 0x50))).toBeNull();
    expect(pictureFormat(new Uint8Array(0))).toBeNull();
  });
});
