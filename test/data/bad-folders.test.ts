import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError, NDArray, Streams } from "../../src/base/index.ts";
import { Batches, type ImageFolderOptions, openImageFolder, split } from "../../src/data/index.ts";
import { encodePng } from "../../src/formats/index.ts";

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bad-"));
  folder = join(root, "pictures");
  await mkdir(folder);
});
afterEach(() => rm(root, { recursive: true }));

const put = async (path: string, content: Uint8Array | string) => {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
};

const open = (options: Partial<ImageFolderOptions> = {}) =>
  openImageFolder(folder, { size: 4, channels: 1, cacheFolder: join(root, "cache"), ...options });

const grey = (level: number, side = 6) => encodePng(NDArray.full([1, side, side], level, "uint8"));

/** A flat PNG of one bit a pixel, whole: a thousandth of its pixels in bytes. */
const bitPng = (side: number): Buffer => {
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const out = Buffer.alloc(12 + content.length);
    out.writeUInt32BE(content.length);
    out.write(type, 4, "latin1");
    out.set(content, 8);
    out.writeUInt32BE(crc32(out.subarray(4, -4)), 8 + content.length);
    return out;
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(side * (1 + Math.ceil(side / 8))), { level: 1 })),
    chunk("IEND", new Uint8Array(0)),
  ]);
};

describe("a folder of bad pictures", () => {
  it("skips each for its own reason", async () => {
    const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await put("cut.jpg", jpeg.subarray(0, jpeg.length / 2));
    await put("empty.png", "");
    await put("header alone.png", (await grey(1)).subarray(0, 12));
    await put("huge.png", bitPng(20_000));
    await put("page.png", "<!doctype html>");
    await put("start alone.jpg", jpeg.subarray(0, 3));
    for (const name of ["whole.jpg", "x.jpg", "y.jpg", "z.jpg"]) await put(name, jpeg);
    const { images, skipped } = await open();
    expect(images.shape[0]).toBe(4);
    expect(skipped).toEqual(
      [
        ["cut.jpg", /^expected a whole picture, got ./],
        ["empty.png", /^not png, jpeg/],
        ["header alone.png", /^expected a picture, got ./],
        ["huge.png", /^expected at most 268435456 pixels, got 20000 × 20000 = 400000000$/],
        ["page.png", /^not png, jpeg/],
        ["start alone.jpg", /^expected a picture, got ./],
      ].map(([path, reason]) => ({ path, reason: expect.stringMatching(reason as RegExp) })),
    );
  });

  it("says what is wrong when every picture is damaged, and stores no data set", async () => {
    await put("a.png", (await grey(1)).subarray(0, 40));
    await expect(open()).rejects.toThrow(/none in 1 file \(1 \.png\)\n {2}a\.png: expected a/);
    await put("b.png", await grey(3));
    expect((await open()).images.shape[0]).toBe(1);
  });

  const asRoot = process.getuid?.() === 0;
  it.skipIf(!process.seteuid)("skips files and folders that may not be read", async () => {
    await put("closed/1.png", await grey(1));
    await put("open/2.png", await grey(2));
    await put("secret.png", await grey(3));
    await chmod(root, 0o777);
    await chmod(join(folder, "closed"), 0);
    await chmod(join(folder, "secret.png"), 0);
    try {
      if (asRoot) process.seteuid?.(65534); // root may read everything
      const { images, skipped } = await open();
      expect(images.shape[0]).toBe(1);
      expect(skipped).toEqual(
        ["closed", "secret.png"].map((path) => ({ path, reason: "no permission to read it" })),
      );
      await expect(openImageFolder(join(folder, "closed"), { size: 4, channels: 1 })).rejects.toThrow(
        /closed: expected a folder of images, got no permission to read it/,
      );
    } finally {
      if (asRoot) process.seteuid?.(0);
      await chmod(join(folder, "closed"), 0o700);
    }
  });
});

describe("a folder of odd but good pictures", () => {
  it("takes one pixel, one row and capital extensions", async () => {
    await put("PIXEL.PNG", await grey(10, 1));
    await put(
      "Row.WebP",
      await sharp({ create: { width: 90, height: 1, channels: 3, background: "#141414" } })
        .webp({ lossless: true })
        .toBuffer(),
    );
    await put(
      "SCAN.TIFF",
      await sharp(await grey(30))
        .tiff({ compression: "lzw" })
        .toBuffer(),
    );
    const { images, skipped } = await open();
    expect(skipped).toEqual([]);
    expect([0, 1, 2].map((i) => [...new Set(images.row(i).data)])).toEqual([[10], [20], [30]]);
  });

  it("takes one class only", async () => {
    await put("cat/1.png", await grey(1));
    await put("cat/2.png", await grey(2));
    const { classes, labels } = await open({ classes: "folders" });
    expect(classes).toEqual(["cat"]);
    expect([...(labels?.data ?? [])]).toEqual([0, 0]);
  });

  it("trains on fewer images than are in a batch, one held out", async () => {
    for (let i = 0; i < 3; i++) await put(`${i}.png`, await grey(i));
    const streams = new Streams(0);
    const { train, heldOut } = split(await open({ margin: 2 }), 0.02, streams.get("held-out images"));
    expect([heldOut.images.shape[0], train.uncropped?.shape[0]]).toEqual([1, 2]);
    const [order, flips, crops] = ["order", "flips", "crops"].map((name) => streams.get(name));
    if (!order || !flips || !crops) throw new Error("no streams");
    const batches = new Batches({ dataset: train, batch: 8, flip: true, order, flips, crops });
    expect(batches.next().images.shape).toEqual([8, 1, 4, 4]);
  });

  it("decodes a margin around every image, whose middle is what is held out", async () => {
    const levels = Uint8Array.from({ length: 64 }, (_, i) => i);
    await put("a.png", await encodePng(new NDArray(levels, [1, 8, 8], "uint8")));
    const plain = await open({ size: 8 });
    const { images, uncropped, fingerprint } = await open({ size: 4, margin: 4 });
    expect(uncropped).toEqual(plain.images);
    expect([...images.data]).toEqual([2, 3, 4, 5].flatMap((y) => [2, 3, 4, 5].map((x) => y * 8 + x)));
    expect(fingerprint).not.toBe((await open({ size: 4, margin: 5 })).fingerprint);
    expect(await open({ size: 4, margin: 4 })).toMatchObject({ fingerprint });
    await expect(openImageFolder(join(root, "none"), { size: 4, channels: 1 })).rejects.toThrow(FileError);
  });
});
