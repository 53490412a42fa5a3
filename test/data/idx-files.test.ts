import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import { openIdx } from "../../src/data/index.ts";
import { resizeImages } from "../../src/formats/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "idx-"));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (name: string, shape: readonly number[], elements: readonly number[]): Promise<string> => {
  const header = Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((dimension) => [0, 0, 0, dimension])]);
  const bytes = Buffer.concat([header, Uint8Array.from(elements)]);
  const path = join(folder, name);
  await writeFile(path, name.endsWith(".gz") ? gzipSync(bytes) : bytes);
  return path;
};

const pixels = Array.from({ length: 3 * 16 }, (_, i) => i * 5);
const putImages = () => put("train-images-idx3-ubyte", [3, 4, 4], pixels);

describe("openIdx", () => {
  it("opens images of one channel as they are, without classes", async () => {
    const dataset = await openIdx(await putImages());
    expect(dataset.images).toEqual(NDArray.of(pixels, [3, 1, 4, 4], "uint8"));
    expect(dataset).toMatchObject({
      name: "train-images-idx3-ubyte",
      labels: null,
      classes: null,
      skipped: [],
    });
  });

  it("makes label k the class k, also of digits that do not occur", async () => {
    const labels = await put("labels.gz", [3], [4, 0, 2]);
    const dataset = await openIdx(await put("images.gz", [3, 4, 4], pixels), { labels });
    expect(dataset.name).toBe("images");
    expect(dataset.classes).toEqual(["0", "1", "2", "3", "4"]);
    expect(dataset.labels).toEqual(NDArray.of([4, 0, 2], [3], "int32"));
  });

  it("takes images that are not square, unless they are to be resized", async () => {
    const images = await put("wide", [1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await openIdx(images)).images.shape).toEqual([1, 1, 2, 4]);
    for (const size of [2, 4, 8])
      await expect(openIdx(images, { size })).rejects.toThrow(/wide: expected square images/);
  });

  it("resizes once, and keeps labels", async () => {
    const cacheFolder = join(folder, "cache");
    const images = await putImages();
    const labels = await put("labels", [3], [1, 0, 1]);
    const plain = await openIdx(images, { labels, size: 4, cacheFolder });
    expect(plain.images.data).toEqual(Uint8Array.from(pixels));
    await expect(readdir(cacheFolder)).rejects.toThrow();
    const first = await openIdx(images, { labels, size: 6, cacheFolder });
    expect(first.images).toEqual(await resizeImages(plain.images, 6, "mitchell"));
    expect(first.labels).toEqual(plain.labels);
    expect(await openIdx(images, { labels, size: 6, cacheFolder })).toEqual(first);
    expect((await readdir(cacheFolder)).length).toBe(1);
  });

  it("refuses labels as images, images as labels, and another number of labels", async () => {
    const images = await putImages();
    const labels = await put("labels", [2], [0, 1]);
    await expect(openIdx(labels)).rejects.toThrow(/expected images of .*\n.*may be the labels/);
    await expect(openIdx(images, { labels: images })).rejects.toThrow(
      /expected 3 labels.*got an array of \[3, 4, 4\]/,
    );
    await expect(openIdx(images, { labels })).rejects.toThrow(/labels: expected 3 labels/);
  });

  it("refuses files without an image and files that are not there", async () => {
    for (const shape of [
      [0, 4, 4],
      [1, 0, 4],
    ])
      await expect(openIdx(await put("none", shape, []))).rejects.toThrow(FileError);
    await expect(openIdx(join(folder, "gone"))).rejects.toThrow(
      `${join(folder, "gone")}: expected an idx file, got nothing of this name`,
    );
  });
});
