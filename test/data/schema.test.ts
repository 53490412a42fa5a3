import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { dataSchema, openDataset } from "../../src/data/index.ts";

describe("dataSchema", () => {
  it("fills in what is left out", () => {
    expect(dataSchema.parse({ kind: "digits" })).toEqual({ kind: "digits", size: 16 });
    expect(dataSchema.parse({ kind: "folder", path: "here" })).toEqual({
      kind: "folder",
      path: "here",
      size: 32,
      channels: 3,
      filter: "lanczos3",
      background: "#ffffff",
      fit: "crop",
      classes: "none",
    });
    expect(dataSchema.parse({ kind: "emoji" })).toEqual({
      kind: "emoji",
      sets: ["noto"],
      size: 32,
      classes: "groups",
      skinTones: false,
      background: "#ffffff",
    });
    expect(dataSchema.parse({ kind: "idx", images: "here" })).toEqual({ kind: "idx", images: "here" });
  });

  it.each([
    {},
    { kind: "photos" },
    { kind: "emoji", sets: [] },
    { kind: "emoji", sets: ["noto", "noto"] },
    { kind: "emoji", sets: ["apple"] },
    { kind: "emoji", size: 16 },
    { kind: "emoji", classes: {} },
    { kind: "emoji", classes: { faces: [] } },
    { kind: "emoji", classes: "folders" },
    { kind: "digits", size: 20 },
    { kind: "digits", path: "here" },
    { kind: "folder" },
    { kind: "folder", path: "", size: 8 },
    { kind: "folder", path: "here", size: 0 },
    { kind: "folder", path: "here", size: 8.5 },
    { kind: "folder", path: "here", size: 8, channels: 4 },
    { kind: "folder", path: "here", size: 8, filter: "blurry" },
    { kind: "folder", path: "here", size: 8, background: "white" },
    { kind: "folder", path: "here", size: 8, fit: "tight" },
    { kind: "folder", path: "here", size: 8, class: "folders" },
    { kind: "folder", path: "here", size: 8, margin: 0 },
    { kind: "folder", path: "here", size: 8, margin: 1.5 },
    { kind: "idx" },
    { kind: "idx", path: "here" },
    { kind: "idx", images: "here", labels: "" },
    { kind: "idx", images: "here", size: 0 },
    { kind: "idx", images: "here", channels: 1 },
  ])("refuses %j", (spec) => {
    expect(dataSchema.safeParse(spec).success).toBe(false);
  });
});

describe("openDataset", () => {
  it("opens what a specification names", async () => {
    const root = await mkdtemp(join(tmpdir(), "schema-"));
    const cacheFolder = join(root, "cache");
    const path = join(root, "pictures");
    await mkdir(join(path, "red"), { recursive: true });
    const picture = sharp({ create: { width: 9, height: 9, channels: 3, background: "#ff0000" } });
    await writeFile(join(path, "red", "1.png"), await picture.png().toBuffer());

    const folder = await openDataset(
      dataSchema.parse({ kind: "folder", path, size: 8, classes: "folders" }),
      {
        cacheFolder,
      },
    );
    expect([folder.images.shape, folder.classes]).toEqual([[1, 3, 8, 8], ["red"]]);
    const wider = await openDataset(dataSchema.parse({ kind: "folder", path, size: 8, margin: 3 }), {
      cacheFolder,
    });
    expect([wider.images.shape, wider.uncropped?.shape]).toEqual([
      [1, 3, 8, 8],
      [1, 3, 11, 11],
    ]);
    const digits = await openDataset(dataSchema.parse({ kind: "digits" }), { cacheFolder });
    expect([digits.name, digits.images.shape]).toEqual(["digits", [10_000, 1, 16, 16]]);
    const images = join(root, "images");
    await writeFile(images, Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 77));
    const idx = await openDataset(dataSchema.parse({ kind: "idx", images, size: 2 }), { cacheFolder });
    expect([...idx.images.data]).toEqual([77, 77, 77, 77]);
    await rm(root, { recursive: true });
  });
});
