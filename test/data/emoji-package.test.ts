import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../../src/base/index.ts";
import { openEmojiPackage } from "../../src/data/emoji-package.ts";
import { FAKE_CELLS, fakeTable, putFakePackage } from "./emoji-fake.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "emoji-"));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (size: 32 | 64 = 32) => openEmojiPackage("noto", size, folder);

describe("openEmojiPackage", () => {
  it("lists emoji with their variants, without those that the set has no picture of", async () => {
    await putFakePackage(folder);
    const { emoji } = await open();
    expect(emoji.map(({ name, skinTone, tile }) => [name, skinTone, ...tile])).toEqual([
      ["grinning face", false, 0, 0],
      ["cat face", false, 0, 1],
      ["waving hand sign", false, 1, 0],
      ["waving hand sign", true, 1, 1],
      ["france flag", false, 1, 2],
      ["type-3", true, 2, 0],
    ]);
    expect(emoji[0]).toMatchObject({ group: "Smileys & Emotion", subgroup: "face-smiling", keywords: [] });
  });

  it("has other names and the tones of variants as keywords", async () => {
    await putFakePackage(folder, [
      ...fakeTable,
      {
        ...fakeTable[2],
        name: "COUPLE",
        skin_variations: { "1F3FD-1F3FF": { sheet_x: 2, sheet_y: 1 } },
      },
    ]);
    const { emoji } = await open();
    expect(emoji.map(({ name, keywords }) => [name, ...keywords].join(", "))).toEqual([
      "grinning face",
      "cat face, cat, pet cat",
      "waving hand sign, wave",
      "waving hand sign, wave, light skin tone",
      "france flag",
      "type-3",
      "couple, wave",
      "couple, wave, medium skin tone, dark skin tone",
    ]);
  });

  it.each([32, 64] as const)("cuts tiles of %i pixels out to the pixel, on the background", async (size) => {
    await putFakePackage(folder, fakeTable, size);
    const { emoji, cut } = await open(size);
    const wanted = [emoji[4], emoji[0]].filter((each) => each !== undefined);
    const { shape, data } = await cut(wanted, "#0a0b0c");
    expect(shape).toEqual([2, 3, size, size]);
    const right = [
      [81, 161, 7],
      [1, 1, 7],
    ];
    const expected = right.flatMap((colour) =>
      colour.flatMap((level, c) =>
        Array.from({ length: size * size }, (_, i) => (i % size < size / 2 ? 10 + c : level)),
      ),
    );
    expect(Buffer.compare(data as Uint8Array, Uint8Array.from(expected))).toBe(0);
  });

  it("has another hash when table or sheet change", async () => {
    const { sheet } = await putFakePackage(folder);
    const first = (await open()).hash;
    expect((await open()).hash).toBe(first);
    await putFakePackage(folder, [...fakeTable, fakeTable[0]]);
    const second = (await open()).hash;
    await writeFile(
      sheet,
      await sharp(await readFile(sheet))
        .negate()
        .png()
        .toBuffer(),
    );
    expect(new Set([first, second, (await open()).hash]).size).toBe(3);
  });

  it("says how to install a package that is absent, and what its licence is", async () => {
    await expect(open()).rejects.toThrow(
      "emoji-datasource-google: expected the optional package emoji-datasource-google for the emoji of noto, got none installed\n  hint: npm install emoji-datasource-google@16.0.0 (82 MB; Noto Emoji, © Google, Apache License 2.0)",
    );
    await expect(openEmojiPackage("twemoji", 32, folder)).rejects.toThrow(
      /npm install emoji-datasource-twitter@16\.0\.0 .*CC BY 4\.0/,
    );
  });

  it("refuses a package that lacks a part or holds another sheet", async () => {
    const { root, sheet } = await putFakePackage(folder);
    const table = join(root, "emoji.json");
    await writeFile(sheet, "no picture");
    const side = FAKE_CELLS * 34;
    await expect(open()).rejects.toThrow(`expected a PNG of ${side} × ${side} pixels, got another format`);
    await putFakePackage(folder, [{ ...fakeTable[0], sheet_x: 3 }]);
    await expect(open()).rejects.toThrow(/expected a PNG of 136 × 136 pixels, got 102 × 102/);
    await rm(sheet);
    await expect(open()).rejects.toThrow(/32\.png: expected the optional package .*\n {2}hint: npm install/);
    await putFakePackage(folder, []);
    await expect(open()).rejects.toThrow(ArgumentError);
    await writeFile(table, "{");
    await expect(open()).rejects.toThrow(FileError);
  });
});
