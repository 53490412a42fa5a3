import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataSchema, openDataset, surveyDataset } from "../../src/data/index.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "survey-"));
});
afterAll(() => rm(root, { recursive: true }));

const survey = async (input: object) => {
  const spec = dataSchema.parse(input);
  return surveyDataset(spec, await openDataset(spec, { cacheFolder: join(root, "cache") }));
};

const put = async (path: string, content: Uint8Array | string) => {
  await mkdir(dirname(join(root, "pictures", path)), { recursive: true });
  await writeFile(join(root, "pictures", path), content);
};

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "#336699" } });

describe("surveyDataset", () => {
  it("counts classes and reasons of a folder and measures its pictures as they are seen", async () => {
    await put("cat/1.png", await picture(8, 9).png().toBuffer());
    await put("cat/2.jpg", await picture(30, 4).withMetadata({ orientation: 6 }).jpeg().toBuffer());
    await put("dog/3.png", await picture(20, 20).png().toBuffer());
    await put("dog/4.png", (await picture(99, 99).png().toBuffer()).subarray(0, 60));
    await put("dog/notes.txt", "text");
    await put("stray.png", await picture(1, 1).png().toBuffer());
    await put("thumbs.db", "text");
    await put("dog/more.txt", "text");
    const path = join(root, "pictures");
    const found = await survey({ kind: "folder", path, size: 8, classes: "folders" });
    expect(found).toEqual({
      name: "pictures",
      images: 3,
      image: [3, 8, 8],
      classes: [
        { name: "cat", count: 2 },
        { name: "dog", count: 1 },
      ],
      skipped: [
        { reason: "not png, jpeg, webp, gif, tiff, avif", paths: ["dog/more.txt", "dog/notes.txt"] },
        { reason: expect.stringMatching(/^expected a/), paths: ["dog/4.png"] },
        { reason: "in no class folder", paths: ["stray.png", "thumbs.db"] },
      ].sort((a, b) => b.paths.length - a.paths.length),
      pictures: {
        smallest: { path: "cat/1.png", height: 9, width: 8 },
        largest: { path: "dog/3.png", height: 20, width: 20 },
        enlarged: 1,
      },
      caption: null,
      notice: null,
    });
    const wider = await survey({ kind: "folder", path, size: 8, margin: 4, classes: "folders" });
    expect(wider.pictures?.enlarged).toBe(2);
    const all = await survey({ kind: "folder", path, size: 8 });
    expect(all.classes).toBeNull();
    expect(all.pictures?.smallest).toEqual({ path: "stray.png", height: 1, width: 1 });
    await put("cat/2.jpg", "");
    expect((await survey({ kind: "folder", path, size: 8 })).pictures?.enlarged).toBe(1);
  });

  it("counts the classes of data that are no folder", async () => {
    const digits = await survey({ kind: "digits" });
    expect(digits).toMatchObject({ images: 10_000, image: [1, 16, 16], skipped: [], pictures: null });
    expect(digits.classes?.length).toBe(10);
    expect(digits.classes?.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    const images = join(root, "images");
    const labels = join(root, "labels");
    await writeFile(images, Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8, 9));
    await writeFile(labels, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 2));
    const idx = await survey({ kind: "idx", images, labels });
    expect(idx.classes?.map(({ count }) => count)).toEqual([1, 0, 2]);
  });
});
