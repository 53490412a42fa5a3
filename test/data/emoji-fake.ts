import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

/** A row of emoji.json in the shape of the package emoji-datasource-google 16. */
const entry = (x: number, y: number, more: object = {}) => ({ sheet_x: x, sheet_y: y, ...more });
export const fakeTable = [
  { name: "GRINNING FACE", category: "Smileys & Emotion", subcategory: "face-smiling", ...entry(0, 0) },
  {
    name: "CAT FACE",
    short_names: ["cat", "cat face", "pet_cat"],
    category: "Animals & Nature",
    subcategory: "animal-mammal",
    ...entry(0, 1),
  },
  {
    name: "WAVING HAND SIGN",
    short_names: ["wave"],
    category: "People & Body",
    subcategory: "hand-fingers-open",
    ...entry(1, 0, { skin_variations: { "1F3FB": entry(1, 1) } }),
  },
  { name: "France Flag", category: "Flags", subcategory: "country-flag", ...entry(1, 2) },
  { name: "MISSING", category: "Flags", subcategory: "flag", ...entry(2, 2, { has_img_google: false }) },
  { name: "TYPE-3", category: "Component", subcategory: "skin-tone", ...entry(2, 0) },
];

/** Cells in a row of the fake sheet. */
export const FAKE_CELLS = 3;

/**
 * Writes a package of this table below the folder. On its sheet the tile at (column, row) is of the colour
 * (80 · column + 1, 80 · row + 1, 7), its left half transparent, with margins of bright green.
 */
export const putFakePackage = async (folder: string, table: unknown = fakeTable, size = 32) => {
  const root = join(folder, "node_modules", "emoji-datasource-google");
  const sheets = join(root, "img", "google", "sheets-clean");
  await mkdir(sheets, { recursive: true });
  await writeFile(join(root, "package.json"), '{"name":"emoji-datasource-google","main":"emoji.json"}');
  await writeFile(join(root, "emoji.json"), JSON.stringify(table));
  await writeFile(join(sheets, `${size}.png`), await fakeSheet(size));
  return { root, sheet: join(sheets, `${size}.png`) };
};

const fakeSheet = (size: number): Promise<Buffer> => {
  const pitch = size + 2;
  const side = FAKE_CELLS * pitch;
  const pixels = Buffer.alloc(side * side * 4);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [inX, inY] = [(x % pitch) - 1, (y % pitch) - 1];
      const margin = [inX, inY].some((at) => at < 0 || at >= size);
      const [column, row] = [Math.floor(x / pitch), Math.floor(y / pitch)];
      const colour = margin ? [0, 255, 0, 255] : [80 * column + 1, 80 * row + 1, 7, inX < size / 2 ? 0 : 255];
      pixels.set(colour, (y * side + x) * 4);
    }
  return sharp(pixels, { raw: { width: side, height: side, channels: 4 } })
    .png()
    .toBuffer();
};
