import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArgumentError, FileError, type NDArray } from "../../src/base/index.ts";
import { type ImageFolderOptions, openImageFolder } from "../../src/data/index.ts";

let root: string;
let folder: string;
let cacheFolder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "folder-"));
  folder = join(root, "pictures");
  cacheFolder = join(root, "cache");
  await mkdir(folder);
});
afterEach(() => rm(root, { recursive: true }));

const put = async (path: string, content: Uint8Array | string) => {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
};

const grey = (level: number, width = 6, height = 6) =>
  sharp({ create: { width, height, channels: 3, background: { r: level, g: level, b: level } } });

const open = (options: Partial<ImageFolderOptions> = {}) =>
  openImageFolder(folder, { size: 4, channels: 1, cacheFolder, ...options });

/** The first pixel of each image. */
const levels = ({ images }: { images: NDArray }): number[] =>
  Array.from({ length: images.shape[0] as number }, (_, i) => images.row(i).data[0] as number);

describe("openImageFolder", () => {
  it("reads pictures of all formats by content, recursively, in the order of their paths", async () => {
    await put("c.png", await grey(30).png().toBuffer());
    await put("a/photo.JPG", await grey(10).jpeg({ quality: 100 }).toBuffer());
    await put("b/deep/picture", await grey(20).webp({ lossless: true }).toBuffer());
    const dataset = await open();
    expect(dataset.images.shape).toEqual([3, 1, 4, 4]);
    expect(levels(dataset)).toEqual([10, 20, 30]);
    expect(dataset).toMatchObject({ name: "pictures", labels: null, classes: null, skipped: [] });
  });

  it("passes size, channels, fit, filter and background on", async () => {
    const pixels = Uint8Array.from(
      [
        [255, 0, 0, 255],
        [0, 0, 0, 0],
      ].flat(),
    );
    await put(
      "a.png",
      await sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } })
        .png()
        .toBuffer(),
    );
    const { images } = await open({
      size: 2,
      channels: 3,
      fit: "pad",
      filter: "nearest",
      background: "#0a0b0c",
    });
    const red = [...(images.data.subarray(0, 4) as Uint8Array)];
    expect(images.shape).toEqual([1, 3, 2, 2]);
    expect(red.toSorted((a, b) => a - b)).toEqual([10, 10, 10, 255]);
  });

  it("skips what cannot be decoded and lists it with the reason", async () => {
    const png = await grey(1, 50, 50).png().toBuffer();
    await put("a.png", await grey(40).png().toBuffer());
    await put("b.png", png.subarray(0, png.length - 20));
    await put("c/notes.txt", "text");
    await put("d.png", "");
    await put("e.png", await grey(50).png().toBuffer());
    await put("f.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>');
    await symlink(join(root, "gone"), join(folder, "g.png"));
    const dataset = await open();
    expect(levels(dataset)).toEqual([40, 50]);
    expect(dataset.skipped.map(({ path }) => path)).toEqual([
      "b.png",
      "c/notes.txt",
      "d.png",
      "f.svg",
      "g.png",
    ]);
    expect(dataset.skipped[0]?.reason).toMatch(/^expected a whole picture, got ./);
    expect(dataset.skipped[1]?.reason).toBe("not png, jpeg, webp, gif, tiff, avif");
  });

  it("refuses a folder in which most pictures are damaged, with examples", async () => {
    const png = await grey(1, 50, 50).png().toBuffer();
    await put("whole.png", png);
    for (const name of ["a.png", "b.png"]) await put(name, png.subarray(0, png.length - 20));
    await expect(open()).rejects.toThrow(
      /at least half can be decoded, got 2 of 3 that cannot\n {2}a\.png: /,
    );
    await put("whole too.png", await grey(2).png().toBuffer());
    expect((await open()).images.shape[0]).toBe(2);
  });

  it("takes the first folder on the way as the class, whatever lies deeper", async () => {
    await put("dog/1.png", await grey(10).png().toBuffer());
    await put("cat/2.png", await grey(20).png().toBuffer());
    await put("cat/more/3.png", await grey(30).png().toBuffer());
    await put("empty/notes.txt", "text");
    await put("stray.png", await grey(40).png().toBuffer());
    const dataset = await open({ classes: "folders" });
    expect(dataset.classes).toEqual(["cat", "dog"]);
    expect(levels(dataset)).toEqual([20, 30, 10]);
    expect([...(dataset.labels?.data ?? [])]).toEqual([0, 0, 1]);
    expect(dataset.skipped).toContainEqual({ path: "stray.png", reason: "in no class folder" });
  });

  it("says what was found when nothing is usable", async () => {
    await expect(open()).rejects.toThrow(
      `${folder}: expected a png, jpeg, webp, gif, tiff, avif that can be decoded, got an empty folder`,
    );
    await put("a.txt", "text");
    await put("b.TXT", "text");
    await put("c.png", "text");
    await put("LICENSE", "text");
    const failure = await open().catch((error) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect(failure.got).toMatch(/^none in 4 files \(2 \.txt, /);
    expect(failure.got).toContain("1 .png");
    expect(failure.got).toContain("1 without extension");
    expect(failure.got).toContain("\n  a.txt: not png, jpeg, webp, gif, tiff, avif");
    expect(failure.got.split("\n").length).toBe(4);
    await expect(readdir(cacheFolder)).rejects.toThrow();
  });

  it("says what is missing when no picture lies in a class folder", async () => {
    await put("a.png", await grey(1).png().toBuffer());
    await expect(open({ classes: "folders" })).rejects.toThrow(
      /none in 1 file \(1 \.png\)\n {2}a\.png: in no class folder/,
    );
  });

  it("refuses a folder that does not exist, and options that make no image", async () => {
    await expect(openImageFolder(join(root, "none"), { size: 4, channels: 1 })).rejects.toThrow(FileError);
    await put("a.png", await grey(1).png().toBuffer());
    await expect(open({ size: 0 })).rejects.toThrow(ArgumentError);
  });

  it("decodes once, and again when a picture or an option changes", async () => {
    await put("a/1.png", await grey(10).png().toBuffer());
    await put("a/2.png", await grey(20).png().toBuffer());
    const onProgress = vi.fn();
    const first = await open({ onProgress });
    expect(onProgress.mock.calls).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(await open({ onProgress })).toEqual(first);
    expect(onProgress).toHaveBeenCalledTimes(2);

    for (const options of [
      { size: 5 },
      { channels: 3 },
      { filter: "nearest" },
      { classes: "folders" },
    ] as const) {
      onProgress.mockClear();
      await open({ onProgress, ...options });
      expect(onProgress, JSON.stringify(options)).toHaveBeenCalled();
    }
    await put("a/2.png", await grey(21).png().toBuffer());
    expect(levels(await open())).toEqual([10, 21]);
    await rename(join(folder, "a/2.png"), join(folder, "a/0.png"));
    expect(levels(await open())).toEqual([21, 10]);
  });

  it("decodes afresh when the cache is damaged", async () => {
    await put("a.png", await grey(10).png().toBuffer());
    const first = await open();
    const [name = ""] = await readdir(cacheFolder);
    await writeFile(join(cacheFolder, name), "damaged");
    expect(await open()).toEqual(first);
  });

  it("has the same fingerprint from another folder of the same pictures", async () => {
    await put("a.png", await grey(10).png().toBuffer());
    const first = await open();
    const moved = join(root, "moved");
    await rename(folder, moved);
    const second = await openImageFolder(moved, { size: 4, channels: 1, cacheFolder });
    expect(second.name).toBe(basename(moved));
    expect(second.fingerprint).toBe(first.fingerprint);
  });

  it("keeps more pictures than are decoded at once in order", async () => {
    for (let i = 0; i < 30; i++) {
      const side = i % 3 ? 4 : 300; // some take longer than others
      await put(
        `${String(i).padStart(2, "0")}.png`,
        await grey(i * 8, side, side)
          .png()
          .toBuffer(),
      );
    }
    expect(levels(await open())).toEqual(Array.from({ length: 30 }, (_, i) => i * 8));
  });
});
