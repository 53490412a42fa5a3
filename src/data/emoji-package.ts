import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { FileError, NDArray, parseAs } from "../base/index.ts";
import { decodeImage, pictureFormat } from "../formats/index.ts";
import { sha256 } from "./dataset-cache.ts";

/** Where the pictures of a set come from, and what its artists ask for. */
export const emojiSets = {
  noto: {
    package: "emoji-datasource-google",
    vendor: "google",
    megabytes: 82,
    notice: "Noto Emoji, © Google, Apache License 2.0",
  },
  twemoji: {
    package: "emoji-datasource-twitter",
    vendor: "twitter",
    megabytes: 70,
    notice: "Twemoji, © Twitter and contributors, CC BY 4.0: name them with what you make of it",
  },
} as const;
export type EmojiSet = keyof typeof emojiSets;

/** One picture of a set. Variants in skin tones have the name and groups of the emoji that they vary. */
export interface Emoji {
  /** Lower case, as in Unicode: "grinning face". */
  readonly name: string;
  /** One of Unicode's ten: "Smileys & Emotion". */
  readonly group: string;
  /** "face-smiling" */
  readonly subgroup: string;
  /** Other names ("thumbsup"), and the tones of a variant ("dark skin tone"). */
  readonly keywords: readonly string[];
  readonly skinTone: boolean;
  /** Column and row on the sheet. */
  readonly tile: readonly [column: number, row: number];
}

export interface EmojiPackage {
  readonly emoji: readonly Emoji[];
  /** Of everything that the pictures come from. */
  readonly hash: string;
  /** The pictures of these emoji on a background: uint8 [n, 3, size, size]. */
  readonly cut: (emoji: readonly Emoji[], background: string) => Promise<NDArray>;
}

const VERSION = "16.0.0";
/** Transparent pixels around every tile of a sheet. */
const MARGIN = 1;

/**
 * The installed package of a set, looked for beside undiffuse and then from the working directory, or only
 * from a folder that is given. @throws FileError with the command that installs it when there is none
 */
export const openEmojiPackage = async (
  set: EmojiSet,
  size: 32 | 64,
  packagesFrom?: string,
): Promise<EmojiPackage> => {
  const { vendor } = emojiSets[set];
  const table = findPackage(set, packagesFrom);
  // The other sheets show other vendors' art where the set has none.
  const sheet = join(table, "..", "img", vendor, "sheets-clean", `${size}.png`);
  const [text, picture] = await Promise.all([table, sheet].map((path) => readPart(set, path)));
  const emoji = readTable(table, text as Buffer, vendor);
  const cells = 1 + Math.max(...emoji.flatMap(({ tile }) => tile));
  const side = cells * (size + 2 * MARGIN);
  checkSheet(sheet, picture as Buffer, side);
  return {
    emoji,
    hash: sha256(sha256(text as Buffer) + sha256(picture as Buffer)),
    cut: async (chosen, background) =>
      cutTiles(await decodeImage(picture as Buffer, { size: side, channels: 3, background }), chosen, size),
  };
};

/** Path of the package's emoji.json. */
const findPackage = (set: EmojiSet, packagesFrom?: string): string => {
  const places =
    packagesFrom === undefined ? [import.meta.url, join(process.cwd(), "any")] : [join(packagesFrom, "any")];
  for (const place of places)
    try {
      return createRequire(place).resolve(`${emojiSets[set].package}/emoji.json`);
    } catch {} // the next place may have it
  throw incomplete(set, emojiSets[set].package, "none installed");
};

const readPart = (set: EmojiSet, path: string): Promise<Buffer> =>
  readFile(path).catch((cause) => {
    throw incomplete(set, path, (cause as Error).message);
  });

const incomplete = (set: EmojiSet, path: string, got: string): FileError => {
  const { package: name, megabytes, notice } = emojiSets[set];
  return new FileError(path, {
    expected: `the optional package ${name} for the emoji of ${set}`,
    got,
    hint: `npm install ${name}@${VERSION} (${megabytes} MB; ${notice})`,
  });
};

const cell = z.int().min(0).max(255);
const tableSchema = z
  .array(
    z.looseObject({
      name: z.string(),
      category: z.string(),
      subcategory: z.string(),
      short_names: z.array(z.string()).default([]),
      sheet_x: cell,
      sheet_y: cell,
      skin_variations: z.record(z.string(), z.looseObject({ sheet_x: cell, sheet_y: cell })).default({}),
    }),
  )
  .min(1);

const readTable = (path: string, text: Buffer, vendor: string): Emoji[] => {
  let table: unknown;
  try {
    table = JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw new FileError(path, { expected: "JSON", got: (cause as Error).message }, { cause });
  }
  const rows = parseAs(tableSchema, table, { who: path, expected: "a table of emoji" });
  return rows.flatMap((row) => {
    const name = row.name.toLowerCase();
    const names = row.short_names.map((each) => each.replaceAll("_", " ")).filter((each) => each !== name);
    const isTone = row.subcategory === "skin-tone";
    const variants = Object.entries(row.skin_variations).map(([codes, entry]) => ({
      entry,
      keywords: [...names, ...tonesOf(codes)],
      skinTone: true,
    }));
    return [{ entry: row, keywords: names, skinTone: isTone }, ...variants]
      .filter(({ entry }) => entry[`has_img_${vendor}`] !== false)
      .map(({ entry, keywords, skinTone }) => ({
        name,
        group: row.category,
        subgroup: row.subcategory,
        keywords,
        skinTone,
        tile: [entry.sheet_x, entry.sheet_y] as const,
      }));
  });
};

/** Names in the Common Locale Data Repository. */
const tones: Readonly<Record<string, string>> = {
  "1F3FB": "light skin tone",
  "1F3FC": "medium-light skin tone",
  "1F3FD": "medium skin tone",
  "1F3FE": "medium-dark skin tone",
  "1F3FF": "dark skin tone",
};

/** Of a variant by its code points, joined by dashes: one for each person. */
const tonesOf = (codes: string): string[] => codes.split("-").flatMap((code) => tones[code] ?? []);

/** Decoding fits pictures to a size, so a sheet of another one would be cut in wrong places. */
const checkSheet = (path: string, picture: Buffer, side: number): void => {
  const known = pictureFormat(picture) === "png" && picture.length >= 24;
  const [width, height] = known ? [picture.readUInt32BE(16), picture.readUInt32BE(20)] : [];
  if (width !== side || height !== side)
    throw new FileError(path, {
      expected: `a PNG of ${side} × ${side} pixels`,
      got: known ? `${width} × ${height}` : "another format",
      hint: "install the package again",
    });
};

/** Tiles of a sheet [3, side, side]. */
const cutTiles = (sheet: NDArray, emoji: readonly Emoji[], size: number): NDArray => {
  const side = sheet.shape[1] as number;
  const out = NDArray.zeros([emoji.length, 3, size, size], "uint8");
  const pitch = size + 2 * MARGIN;
  emoji.forEach(({ tile: [column, row] }, i) => {
    const corner = (row * pitch + MARGIN) * side + column * pitch + MARGIN;
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < size; y++) {
        const start = channel * side * side + corner + y * side;
        out.data.set(sheet.data.subarray(start, start + size), ((i * 3 + channel) * size + y) * size);
      }
  });
  return out;
};
