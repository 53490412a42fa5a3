import { crc32, deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FileError } from "../../src/base/index.ts";
import { decodeImage } from "../../src/formats/index.ts";
import { flatJpeg, tiff } from "./flat-pictures.ts";

/** Whoever decodes YCbCr rounds on the way. */
const ROUNDING = 1;

const bytes16 = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** The colours of a picture of this many pixels in a row. */
const row = async (picture: Uint8Array, width: number): Promise<number[][]> => {
  const { data } = await decodeImage(picture, { size: [1, width], channels: 3, filter: "nearest" });
  return Array.from({ length: width }, (_, x) => [0, 1, 2].map((c) => data[c * width + x] as number));
};

/** A PNG of one row, written by hand; colour types 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA. */
const png = (
  width: number,
  bits: number,
  colourType: number,
  samples: readonly number[],
  plte?: number[],
) => {
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), content]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", bytes(0, 0, 0, width, 0, 0, 0, 1, bits, colourType, 0, 0, 0)),
    ...(plte ? [chunk("PLTE", Uint8Array.from(plte))] : []),
    chunk("IDAT", deflateSync(bytes(0, ...samples))),
    chunk("IEND", bytes()),
  ]);
};

const WHITE = [255, 255, 255];
const BLACK = [0, 0, 0];

describe("decodeImage of hand-written samples", () => {
  it("reads PNG of 1, 2, 4, 8 and 16 bits, grey, palette and alpha", async () => {
    expect(await row(png(4, 1, 0, [0b10100000]), 4)).toEqual([WHITE, BLACK, WHITE, BLACK]);
    expect(await row(png(4, 2, 0, [0b00011011]), 4)).toEqual([0, 85, 170, 255].map((v) => [v, v, v]));
    expect(await row(png(2, 4, 3, [0x10], [1, 2, 3, 250, 0, 90]), 2)).toEqual([
      [250, 0, 90],
      [1, 2, 3],
    ]);
    expect(await row(png(1, 8, 2, [1, 2, 3]), 1)).toEqual([[1, 2, 3]]);
    expect(await row(png(2, 16, 0, [77, 77, 255, 255]), 2)).toEqual([[77, 77, 77], WHITE]);
    expect(await row(png(1, 16, 2, [200, 200, 10, 10, 0, 0]), 1)).toEqual([[200, 10, 0]]);
    expect(await row(png(2, 16, 4, [9, 9, 255, 255, 9, 9, 0, 0]), 2)).toEqual([[9, 9, 9], WHITE]);
    expect(await row(png(2, 16, 6, [9, 9, 8, 8, 7, 7, 255, 255, 9, 9, 8, 8, 7, 7, 0, 0]), 2)).toEqual([
      [9, 8, 7],
      WHITE,
    ]);
  });

  it("reads TIFF in RGB of 8 and 16 bits", async () => {
    const rgb = { width: 2, samples: 3, photometric: 2 } as const;
    const colours = [
      [255, 0, 128],
      [1, 2, 3],
    ];
    expect(await row(tiff(bytes(...colours.flat()), { ...rgb, bits: 8 }), 2)).toEqual(colours);
    const deep = colours.flat().map((level) => level * 257);
    expect(await row(tiff(bytes16(...deep), { ...rgb, bits: 16 }), 2)).toEqual(colours);
  });

  it.each([
    [0, [BLACK, [245, 245, 245], WHITE]],
    [1, [WHITE, [10, 10, 10], BLACK]],
  ])("reads grey TIFF of photometric %i", async (photometric, colours) => {
    const grey = { width: 3, samples: 1, photometric } as const;
    expect(await row(tiff(bytes(255, 10, 0), { ...grey, bits: 8 }), 3)).toEqual(colours);
    expect(await row(tiff(bytes16(65535, 2570, 0), { ...grey, bits: 16 }), 3)).toEqual(colours);
    const [light, , dark] = colours;
    expect(await row(tiff(bytes(0b10100000), { ...grey, width: 8, bits: 1 }), 8)).toEqual([
      ...[light, dark, light],
      ...new Array(5).fill(dark),
    ]);
  });

  it("looks colours up in a TIFF's palette", async () => {
    const palette = new Array<number>(768).fill(0);
    [palette[5], palette[256 + 7], palette[512 + 7]] = [65535, 0x8080, 257];
    const picture = tiff(bytes(5, 7), { width: 2, bits: 8, samples: 1, photometric: 3, palette });
    expect(await row(picture, 2)).toEqual([
      [255, 0, 0],
      [0, 128, 1],
    ]);
  });

  it("composites a TIFF's alpha, multiplied into the colours or not", async () => {
    const rgba = { width: 2, bits: 8, samples: 4, photometric: 2 } as const;
    const half = [[255, 127, 127], WHITE];
    expect(await row(tiff(bytes(255, 0, 0, 128, 0, 9, 0, 0), { ...rgba, alpha: 2 }), 2)).toEqual(half);
    expect(await row(tiff(bytes(128, 0, 0, 128, 0, 0, 0, 0), { ...rgba, alpha: 1 }), 2)).toEqual(half);
  });

  it("turns a TIFF upright", async () => {
    const lying = { width: 2, bits: 8, samples: 3, photometric: 2, orientation: 3 } as const;
    expect(await row(tiff(bytes(1, 2, 3, 4, 5, 6), lying), 2)).toEqual([
      [4, 5, 6],
      [1, 2, 3],
    ]);
  });

  it("refuses a TIFF whose pixels are not in the file", async () => {
    const picture = tiff(new Uint8Array(300), { width: 10, bits: 8, samples: 3, photometric: 2 });
    const offset = picture.indexOf(bytes(273 & 255, 273 >> 8, 4, 0, 1, 0, 0, 0)) + 8;
    picture.writeUInt32LE(10_000, offset);
    await expect(row(picture, 10)).rejects.toThrow(/^image: expected a (whole )?picture/);
  });

  it("reads grey, RGB and YCbCr JPEG, whatever the Adobe marker says they are", async () => {
    expect(await row(flatJpeg([77]), 1)).toEqual([[77, 77, 77]]);
    expect(await row(flatJpeg([200, 10, 90], 0), 1)).toEqual([[200, 10, 90]]);
    for (const red of [flatJpeg([76, 85, 255]), flatJpeg([76, 85, 255], 1)]) {
      const [[r = 0, g = 9, b = 9] = []] = await row(red, 1);
      expect(Math.max(255 - r, g, b)).toBeLessThanOrEqual(ROUNDING);
    }
  });
});

/** Ink on paper: what colours of print look like on a screen depends on the profile, but not by this much. */
const isPrinted = {
  none: ([r = 0, g = 0, b = 0]: readonly number[]) => Math.min(r, g, b) >= 250,
  black: ([r = 0, g = 0, b = 0]: readonly number[]) => Math.max(r, g, b) <= 60,
  cyan: ([r = 0, g = 0, b = 0]: readonly number[]) => r < 60 && g > 100 && b > 180,
  magenta: ([r = 0, g = 0, b = 0]: readonly number[]) => r > 180 && g < 60 && b > 80,
  yellow: ([r = 0, g = 0, b = 0]: readonly number[]) => r > 220 && g > 200 && b < 80,
};
/** Amounts of cyan, magenta, yellow and black. */
const inks = {
  none: [0, 0, 0, 0],
  black: [0, 0, 0, 255],
  cyan: [255, 0, 0, 0],
  magenta: [0, 255, 0, 0],
  yellow: [0, 0, 255, 0],
} as const;

describe.each(Object.keys(inks) as (keyof typeof inks)[])("decodeImage of CMYK with ink: %s", (ink) => {
  const amounts: readonly number[] = inks[ink];
  const inverted = amounts.map((amount) => 255 - amount);
  const [c = 0, m = 0, y = 0, k = 0] = inverted;
  // Of inverted amounts YCCK takes the complements as RGB (T.872): Y by 0.299 R + 0.587 G + 0.114 B.
  const [red, green, blue] = [255 - c, 255 - m, 255 - y];
  const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
  const chroma = (value: number, weight: number) =>
    Math.min(255, Math.round((value - luma) / (2 * (1 - weight)) + 128));
  const ycck = [Math.round(luma), chroma(blue, 0.114), chroma(red, 0.299), k];
  const cmyk = { width: 1, samples: 4, photometric: 5 } as const;

  it.each([
    ["TIFF of 8 bits", tiff(Uint8Array.from(amounts), { ...cmyk, bits: 8 })],
    ["TIFF of 16 bits", tiff(bytes16(...amounts.map((amount) => amount * 257)), { ...cmyk, bits: 16 })],
    ["inverted JPEG of Adobe", flatJpeg(inverted, 0)],
    ["inverted JPEG of Adobe as YCCK", flatJpeg(ycck, 2)],
    ["inverted JPEG without a marker", flatJpeg(inverted)],
  ])("shows it from a %s", async (_, picture) => {
    const [colour = []] = await row(picture, 1);
    expect(isPrinted[ink](colour), String(colour)).toBe(true);
  });
});

describe("checkSamples", () => {
  const grey = { width: 2, samples: 1, photometric: 1 } as const;
  const floats = new Uint8Array(Float32Array.of(0.5, 1).buffer);
  it.each([
    ["floating point", tiff(floats, { ...grey, bits: 32, sampleFormat: 3 }), /16 bits.* got float in b-w/],
    ["32 bits", tiff(floats, { ...grey, bits: 32, sampleFormat: 1 }), /16 bits.* got uint in b-w/],
    ["signed 16 bits", tiff(bytes16(1, 2), { ...grey, bits: 16, sampleFormat: 2 }), /16 bits.* got short/],
    ["five channels", tiff(new Uint8Array(10), { ...grey, samples: 5, bits: 8 }), /got 5 channels of/],
  ])("refuses a TIFF of %s by name", async (_, picture, message) => {
    const decoding = row(picture, 2);
    await expect(decoding).rejects.toThrow(FileError);
    await expect(decoding).rejects.toThrow(message);
  });
});
