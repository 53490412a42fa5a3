import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { type EmojiOptions, openEmoji } from "../../src/data/index.ts";
import { decodeImage } from "../../src/formats/index.ts";
import { putFakePackage } from "./emoji-fake.ts";

let folder: string;
let cacheFolder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emoji-"));
  cacheFolder = join(folder, "cache");
  await putFakePackage(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const open = (options: EmojiOptions = {}) => openEmoji({ packagesFrom: folder, cacheFolder, ...options });

/** Column and row on the sheet of each image, by its last pixel. */
const tiles = ({ images }: { images: NDArray }): number[][] =>
  Array.from({ length: images.shape[0] as number }, (_, i) => {
    const { data } = images.row(i);
    return [data[32 * 32 - 1], data[2 * 32 * 32 - 1]].map((level) => ((level as number) - 1) / 80);
  });

describe("openEmoji", () => {
  it("has no skin tones and the groups as classes, unless it is told otherwise", async () => {
    const dataset = await open();
    expect(tiles(dataset)).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 2],
    ]);
    expect(dataset.classes).toEqual(["Animals & Nature", "Flags", "People & Body", "Smileys & Emotion"]);
    expect([...(dataset.labels?.data ?? [])]).toEqual([3, 0, 2, 1]);
    expect(dataset.name).toBe("emoji (noto)");
    expect(dataset.images.data[0]).toBe(255);
  });

  it("gives variants in skin tones the class of what they vary", async () => {
    const dataset = await open({ skinTones: true, classes: "names" });
    expect(tiles(dataset)).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [1, 2],
      [2, 0],
    ]);
    expect([...(dataset.labels?.data ?? [])].map((label) => dataset.classes?.[label])).toEqual([
      "grinning face",
      "cat face",
      "waving hand sign",
      "waving hand sign",
      "france flag",
      "type-3",
    ]);
  });

  it("keeps only what is in classes of one's own, in their order", async () => {
    const dataset = await open({ classes: { flags: ["Flags"], faces: ["* face"] } });
    expect(dataset.classes).toEqual(["flags", "faces"]);
    expect(tiles(dataset)).toEqual([
      [0, 0],
      [0, 1],
      [1, 2],
    ]);
    expect([...(dataset.labels?.data ?? [])]).toEqual([1, 1, 0]);
    expect(dataset.captions).toEqual(["grinning face", "cat face, cat, pet cat", "france flag"]);
  });

  it("comes without classes", async () => {
    const { images, labels, classes, captions } = await open({ classes: "none", background: "#102030" });
    expect([images.shape[0], labels, classes, images.data[0]]).toEqual([4, null, null, 0x10]);
    expect(captions?.length).toBe(4);
  });

  it("names the artists' licence, from the cache too", async () => {
    const first = await open({ classes: "subgroups" });
    const files = await readdir(cacheFolder);
    const second = await open({ classes: "subgroups" });
    expect(await readdir(cacheFolder)).toEqual(files);
    expect(second).toEqual(first);
    expect(second.notice).toBe("Noto Emoji, © Google, Apache License 2.0");
  });

  it("asks for each package that it needs", async () => {
    await expect(open({ sets: ["noto", "twemoji"] })).rejects.toThrow(
      /npm install emoji-datasource-twitter@/,
    );
  });
});

const installed = (name: string): string | null => {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/emoji.json`));
  } catch {
    return null;
  }
};
const [google, twitter] = ["emoji-datasource-google", "emoji-datasource-twitter"].map(installed);

describe.skipIf(!google || !twitter)("openEmoji of the installed packages", () => {
  it("has 1,906 emoji of each set without skin tones, none of them blank", async () => {
    const { images, classes, captions } = await openEmoji({ sets: ["noto", "twemoji"], cacheFolder });
    expect(captions).toContain("thumbs up sign, +1, thumbsup");
    expect(captions?.slice(0, 1906)).toEqual(captions?.slice(1906));
    expect(images.shape).toEqual([2 * 1906, 3, 32, 32]); // 1,911 entries, 5 of them the tones
    expect(classes?.length).toBe(9);
    for (let i = 0; i < 2 * 1906; i++) {
      const { data } = images.row(i);
      expect(
        data.some((level) => level !== 255),
        `image ${i}`,
      ).toBe(true);
    }
  });

  it("shows the pictures that the packages hold singly", async () => {
    const classes = { face: ["grinning face"], flag: ["France Flag"], cat: ["cat face"] };
    const { images, labels } = await openEmoji({ sets: ["noto", "twemoji"], size: 64, classes, cacheFolder });
    const files = ["1f600.png", "1f1eb-1f1f7.png", "1f431.png"];
    expect(labels?.size).toBe(6);
    for (const [i, label] of (labels?.data ?? []).entries()) {
      const pictures = i < 3 ? join(google ?? "", "img/google/64") : join(twitter ?? "", "img/twitter/64");
      const alone = await decodeImage(join(pictures, files[label] ?? ""), { size: 64, channels: 3 });
      expect(images.row(i), `image ${i}`).toEqual(alone);
    }
  });
});
