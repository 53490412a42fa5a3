import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, FileError, Generator, NDArray, ShapeError } from "../../src/base/index.ts";
import {
  decodeImage,
  encodeGif,
  encodePng,
  type Filter,
  filters,
  pictureSize,
  readPngText,
  resizeImages,
} from "../../src/formats/index.ts";

/** Lossy codecs and colour profiles move flat colours by a few levels. */
const LOSSY = 6;
/** Rounding once more, on another way to the same pixels. */
const ROUNDING = 1;

type Colour = readonly [number, number, number];
const RED: Colour = [255, 0, 0];
const GREEN: Colour = [0, 255, 0];
const BLUE: Colour = [0, 0, 255];
const WHITE: Colour = [255, 255, 255];

/** A picture from rows of colours, each a square of `side` pixels. */
const tiles = (rows: readonly (readonly Colour[])[], side = 1): Sharp => {
  const width = (rows[0]?.length ?? 0) * side;
  const pixels = rows.flatMap((row) =>
    Array.from({ length: side }, () =>
      row.flatMap((colour) => Array.from({ length: side }, () => colour).flat()),
    ).flat(),
  );
  return sharp(Uint8Array.from(pixels), { raw: { width, height: rows.length * side, channels: 3 } });
};

/** The colour at (row, column) of [3, h, w]. */
const at = ({ data, shape: [, h = 0, w = 0] }: NDArray, row: number, column: number): number[] =>
  [0, 1, 2].map((channel) => data[(channel * h + row) * w + column] as number);

const farthest = (a: NDArray, b: NDArray): number => {
  let most = 0;
  for (const [i, value] of a.data.entries()) most = Math.max(most, Math.abs(value - (b.data[i] as number)));
  return most;
};

const expectClose = (found: readonly number[], wanted: readonly number[], tolerance: number) =>
  found.forEach((value, i) => {
    expect(Math.abs(value - (wanted[i] as number)), `${found} against ${wanted}`).toBeLessThanOrEqual(
      tolerance,
    );
  });

const noise = (shape: number[], seed = 1): NDArray =>
  new Generator(seed).integers(0, 256, shape).cast("uint8");

describe("decodeImage", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "image-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("gives the pixels of lossless formats exactly, from bytes and from a path", async () => {
    const rows = [
      [RED, [1, 2, 3]],
      [WHITE, BLUE],
    ] as const;
    for (const bytes of [
      await tiles(rows).png().toBuffer(),
      await tiles(rows).png({ palette: true }).toBuffer(),
      await tiles(rows).webp({ lossless: true }).toBuffer(),
      await tiles(rows).gif().toBuffer(),
      await tiles(rows).tiff({ compression: "lzw" }).toBuffer(),
    ]) {
      const path = join(folder, "wrong-extension.txt");
      await writeFile(path, bytes);
      for (const source of [bytes, path]) {
        const image = await decodeImage(source, { size: 2, channels: 3 });
        expect(image.shape).toEqual([3, 2, 2]);
        expect([at(image, 0, 0), at(image, 0, 1), at(image, 1, 0), at(image, 1, 1)]).toEqual(rows.flat());
      }
    }
  });

  // What is seen of the stored A B / C D under each EXIF orientation (CIPA DC-008, tag 0x0112).
  const [A, B, C, D] = [RED, GREEN, BLUE, WHITE];
  it.each([
    [1, [A, B, C, D]],
    [2, [B, A, D, C]],
    [3, [D, C, B, A]],
    [4, [C, D, A, B]],
    [5, [A, C, B, D]],
    [6, [C, A, D, B]],
    [7, [D, B, C, A]],
    [8, [B, D, A, C]],
  ])("turns a picture of EXIF orientation %i upright", async (orientation, seen) => {
    const stored = tiles(
      [
        [A, B],
        [C, D],
      ],
      8,
    );
    const bytes = await stored
      .withMetadata({ orientation })
      .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
      .toBuffer();
    const image = await decodeImage(bytes, { size: 2, channels: 3, filter: "nearest" });
    [at(image, 0, 0), at(image, 0, 1), at(image, 1, 0), at(image, 1, 1)].forEach((found, i) => {
      expectClose(found, seen[i] as Colour, LOSSY);
    });
  });

  it("crops what is seen, not what is stored", async () => {
    const lying = tiles([[RED, GREEN, BLUE]], 10).withMetadata({ orientation: 6 });
    const image = await decodeImage(await lying.png().toBuffer(), { size: 10, channels: 3 });
    expect(at(image, 0, 0)).toEqual(GREEN);
    expect(at(image, 9, 9)).toEqual(GREEN);
  });

  it("crops, pads or stretches a picture of another aspect", async () => {
    const wide = await tiles([[RED, GREEN, BLUE]], 4)
      .png()
      .toBuffer();
    const options = { size: 12, channels: 3, filter: "nearest", background: "#0a0b0c" } as const;
    const middle = async (fit: "crop" | "pad" | "stretch") => {
      const image = await decodeImage(wide, { ...options, fit });
      return [at(image, 0, 6), at(image, 6, 0), at(image, 6, 6), at(image, 6, 11)];
    };
    expect(await middle("crop")).toEqual([GREEN, GREEN, GREEN, GREEN]);
    expect(await middle("pad")).toEqual([[10, 11, 12], RED, GREEN, BLUE]);
    expect(await middle("stretch")).toEqual([GREEN, RED, GREEN, BLUE]);
  });

  it("fits into any rectangle", async () => {
    const bytes = await tiles([[RED, GREEN, BLUE]], 4)
      .png()
      .toBuffer();
    const image = await decodeImage(bytes, { size: [4, 8], channels: 3, filter: "nearest" });
    expect(image.shape).toEqual([3, 4, 8]);
    expect([at(image, 0, 0), at(image, 0, 7)]).toEqual([RED, BLUE]);
  });

  it("composites alpha on the background, and hidden colours do not bleed", async () => {
    const pixels = Uint8Array.from(
      [
        [255, 0, 0, 128],
        [0, 255, 0, 0],
        [255, 0, 0, 255],
        [0, 255, 0, 0],
      ].flat(),
    );
    const bytes = await sharp(pixels, { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    const image = await decodeImage(bytes, { size: 2, channels: 3, background: "#0000ff" });
    expectClose(at(image, 0, 0), [128, 0, 127], ROUNDING);
    expect([at(image, 0, 1), at(image, 1, 0), at(image, 1, 1)]).toEqual([BLUE, RED, BLUE]);
    const small = await decodeImage(bytes, {
      size: 1,
      channels: 3,
      background: "#0000ff",
      filter: "bilinear",
    });
    expect(at(small, 0, 0)[1]).toBe(0);
  });

  it("composites grey with alpha", async () => {
    const bytes = await sharp(Uint8Array.of(0, 0, 0, 255), { raw: { width: 2, height: 1, channels: 2 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    const options = { size: [1, 2], background: "#c8c8c8" } as const;
    expect([...(await decodeImage(bytes, { ...options, channels: 1 })).data]).toEqual([200, 0]);
    expect([...(await decodeImage(bytes, { ...options, channels: 3 })).data]).toEqual([
      200, 0, 200, 0, 200, 0,
    ]);
  });

  it("weighs colours as eyes do, and keeps every grey level", async () => {
    const colours = await decodeImage(
      await tiles([
        [RED, GREEN],
        [BLUE, WHITE],
      ])
        .png()
        .toBuffer(),
      {
        size: 2,
        channels: 1,
      },
    );
    expect([...colours.data]).toEqual([76, 150, 29, 255]); // 255 · (0.299, 0.587, 0.114, 1)
    const ramp = NDArray.of(
      Array.from({ length: 256 }, (_, i) => i),
      [1, 16, 16],
      "uint8",
    );
    expect(await decodeImage(await encodePng(ramp), { size: 16, channels: 1 })).toEqual(ramp);
  });

  it("resizes with the filter that is named", async () => {
    const bytes = await encodePng(noise([3, 40, 40]));
    const made = new Map<Filter, NDArray>();
    for (const filter of filters)
      made.set(filter, await decodeImage(bytes, { size: 15, channels: 3, filter }));
    for (const [a, x] of made)
      for (const [b, y] of made) if (a < b) expect(farthest(x, y), `${a} and ${b}`).toBeGreaterThan(ROUNDING);
  });

  it.each(filters)("keeps a flat colour flat with %s, smaller and larger", async (filter) => {
    const bytes = await encodePng(NDArray.full([3, 20, 20], 77, "uint8"));
    for (const size of [1, 7, 33]) {
      const { data } = await decodeImage(bytes, { size, channels: 3, filter });
      expect(new Set(data)).toEqual(new Set([77]));
    }
  });

  /** A checkerboard holds nothing but its mean below half its frequency; filters leak a few levels of it. */
  const LEAK = 8;
  it.each(filters.filter((filter) => filter !== "nearest"))(
    "does not alias when %s reduces",
    async (filter) => {
      const board = NDArray.of(
        Array.from({ length: 64 * 64 }, (_, i) => ((i + (i >> 6)) % 2) * 255),
        [1, 64, 64],
        "uint8",
      );
      const { data } = await decodeImage(await encodePng(board), { size: 9, channels: 1, filter });
      for (const level of data) expect(Math.abs(level - 127.5)).toBeLessThan(LEAK);
    },
  );

  it.each(["crop", "pad", "stretch"] as const)(
    "reduces a large JPEG (%s) with nothing but the named filter",
    async (fit) => {
      const raw = { width: 256, height: 200, channels: 3 } as const;
      const jpeg = await sharp(noise([200, 256, 3]).data as Uint8Array, { raw })
        .jpeg({ quality: 100 })
        .toBuffer();
      const options = { size: 8, channels: 3, fit } as const;
      const lossless = await sharp(jpeg).png().toBuffer();
      expect(await decodeImage(jpeg, options)).toEqual(await decodeImage(lossless, options));
    },
  );

  it("reads 16-bit PNG and CMYK JPEG", async () => {
    const deep = await sharp(Uint16Array.of(0, 0x8080, 0xffff, 0x4040, 0x4040, 0x4040), {
      raw: { width: 2, height: 1, channels: 3 },
    })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    const image = await decodeImage(deep, { size: [1, 2], channels: 3 });
    expectClose([...at(image, 0, 0), ...at(image, 0, 1)], [0, 128, 255, 64, 64, 64], ROUNDING);

    const cmyk = await tiles([[WHITE, WHITE]], 16)
      .toColourspace("cmyk")
      .jpeg({ quality: 100 })
      .toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe("cmyk");
    const printed = await decodeImage(cmyk, { size: 4, channels: 3 });
    expect(printed.shape).toEqual([3, 4, 4]);
    expectClose(at(printed, 2, 2), WHITE, LOSSY);
  });

  it("takes the first frame of an animation and the first page of a document", async () => {
    const frames = NDArray.of([10, 200], [2, 1, 1, 1], "uint8");
    const gif = await encodeGif(frames);
    expect([...(await decodeImage(gif, { size: 1, channels: 1 })).data]).toEqual([10]);
    const animation = sharp(gif, { animated: true });
    const webp = await animation.clone().webp({ lossless: true }).toBuffer();
    const tiff = await animation.clone().tiff({ compression: "deflate" }).toBuffer();
    for (const bytes of [webp, tiff]) {
      expect((await sharp(bytes).metadata()).pages).toBe(2);
      expect([...(await decodeImage(bytes, { size: 1, channels: 1 })).data]).toEqual([10]);
    }
  });

  it("reads AVIF, and refuses one that is cut", async () => {
    const bytes = await tiles([[RED, BLUE]], 32)
      .avif({ quality: 100, chromaSubsampling: "4:4:4" })
      .toBuffer();
    const image = await decodeImage(bytes, { size: [2, 4], channels: 3, filter: "nearest" });
    expectClose(at(image, 0, 0), RED, LOSSY);
    expectClose(at(image, 1, 3), BLUE, LOSSY);
    await expect(decodeImage(bytes.subarray(0, -40), { size: 4, channels: 3 })).rejects.toThrow(FileError);
  });

  it("refuses damaged, foreign and missing pictures with a FileError", async () => {
    const png = await encodePng(noise([3, 64, 64]));
    const jpeg = await sharp(png).jpeg().toBuffer();
    const webp = await sharp(png).webp().toBuffer();
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    const tiff = await sharp(png).tiff({ compression: "lzw" }).toBuffer();
    const broken = [png, jpeg, webp, tiff].map((bytes) => bytes.subarray(0, bytes.length / 2));
    const foreign = [Buffer.alloc(0), Buffer.from("text"), svg];
    for (const bytes of [...broken, ...foreign])
      await expect(decodeImage(bytes, { size: 8, channels: 3 })).rejects.toThrow(FileError);
    const path = join(folder, "missing.png");
    await expect(decodeImage(path, { size: 8, channels: 3 })).rejects.toThrow(
      `${path}: expected a readable picture`,
    );
  });

  it("refuses a picture above the limit by its header alone", async () => {
    const huge = Buffer.from(await encodePng(NDArray.zeros([1, 1, 1], "uint8")));
    huge.writeUInt32BE(100_000, 16);
    huge.writeUInt32BE(100_000, 20);
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
    await expect(decodeImage(huge, { size: 8, channels: 3 })).rejects.toThrow(/at most 268435456 pixels/);
    const bytes = await encodePng(NDArray.zeros([1, 11, 10], "uint8"));
    await expect(decodeImage(bytes, { size: 8, channels: 3, maxPixels: 100 })).rejects.toThrow(
      /at most 100 pixels, got 11 × 10 = 110/,
    );
  });

  it("refuses options that make no image", async () => {
    const bytes = await encodePng(NDArray.zeros([1, 1, 1], "uint8"));
    const options = { size: 8, channels: 3 } as const;
    for (const wrong of [
      { size: 0 },
      { size: 1.5 },
      { size: 1e6 },
      { channels: 4 as 3 },
      { background: "red" },
      { filter: "toString" as Filter },
    ])
      await expect(decodeImage(bytes, { ...options, ...wrong }), JSON.stringify(wrong)).rejects.toThrow(
        ArgumentError,
      );
  });
});

describe("pictureSize", () => {
  it("is the size as seen, and refuses what is no picture", async () => {
    const folder = await mkdtemp(join(tmpdir(), "size-"));
    const path = join(folder, "picture");
    const jpeg = await tiles([[RED, GREEN, BLUE]], 16)
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    await writeFile(path, jpeg);
    expect(await pictureSize(path)).toEqual({ height: 48, width: 16 });
    await writeFile(join(folder, "text"), "text");
    await expect(pictureSize(join(folder, "text"))).rejects.toThrow(FileError);
    await rm(folder, { recursive: true });
  });
});

describe("encodePng", () => {
  it.each([1, 3] as const)("keeps %i channels exactly, with texts", async (channels) => {
    const image = noise([channels, 16, 16]);
    const png = await encodePng(image, { seed: "7" });
    expect(await decodeImage(png, { size: 16, channels })).toEqual(image);
    expect(readPngText(png).get("seed")).toBe("7");
    expect((await sharp(png).metadata()).channels).toBe(channels);
  });

  it("refuses other arrays", async () => {
    await expect(encodePng(NDArray.zeros([2, 4, 4], "uint8"))).rejects.toThrow(ArgumentError);
    await expect(encodePng(NDArray.zeros([3, 4, 4]))).rejects.toThrow(ShapeError);
  });
});

describe("encodeGif", () => {
  it("shows every frame, equal ones too, for its time and loops forever", async () => {
    const levels = [0, 90, 90, 180, 255];
    const frames = NDArray.concat(levels.map((level) => NDArray.full([1, 1, 6, 8], level, "uint8")));
    const gif = await encodeGif(frames, { delayMs: 40, lastDelayMs: 1000 });
    const { pages, delay, loop, pageHeight, width } = await sharp(gif, { animated: true }).metadata();
    expect({ pages, delay, loop, pageHeight, width }).toEqual({
      pages: 5,
      delay: [40, 40, 40, 40, 1000],
      loop: 0,
      pageHeight: 6,
      width: 8,
    });
    const pixels = await sharp(gif, { animated: true }).removeAlpha().raw().toBuffer();
    expect(levels.map((_, i) => pixels[i * 6 * 8 * 3])).toEqual(levels);
  });

  it("keeps colours where 256 suffice", async () => {
    const frames = NDArray.of([...RED, ...BLUE], [2, 3, 1, 1], "uint8");
    const pixels = await sharp(await encodeGif(frames), { animated: true })
      .removeAlpha()
      .raw()
      .toBuffer();
    expect([...pixels]).toEqual([...RED, ...BLUE]);
  });
});

describe("resizeImages", () => {
  it.each([16, 28, 32])("resizes each image of 28 to %i as if it were alone", async (size) => {
    const images = noise([9, 1, 28, 28]);
    const together = await resizeImages(images, size, "mitchell");
    expect(together.shape).toEqual([9, 1, size, size]);
    for (let i = 0; i < 9; i++) {
      const png = await encodePng(images.row(i));
      const alone = await decodeImage(png, { size, channels: 1, filter: "mitchell" });
      expect(farthest(together.row(i), alone), `image ${i}`).toBeLessThanOrEqual(ROUNDING);
    }
  });

  it("lets nothing of an image into its neighbours, over strips too", async () => {
    const count = 1030;
    const images = NDArray.zeros([count, 1, 8, 8], "uint8");
    images.data.forEach((_, i) => {
      images.data[i] = Math.floor(i / 64) % 2 ? 255 : 0;
    });
    const { data } = await resizeImages(images, 12, "lanczos3");
    expect(data.every((level, i) => level === (Math.floor(i / 144) % 2 ? 255 : 0))).toBe(true);
  });

  it("keeps channels apart", async () => {
    const image = NDArray.concat([10, 20, 30].map((level) => NDArray.full([1, 4, 4], level, "uint8")));
    const { data } = await resizeImages(image.reshape([1, 3, 4, 4]), 6, "bicubic");
    expect([data[0], data[36], data[72]]).toEqual([10, 20, 30]);
  });

  it("refuses reductions that would mix neighbours", async () => {
    await expect(resizeImages(NDArray.zeros([1, 1, 32, 32], "uint8"), 8, "mitchell")).rejects.toThrow(
      ArgumentError,
    );
  });
});
