import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { readImage, readMask } from "../../src/cli/picture-input.ts";
import { toUnit } from "../../src/data/index.ts";
import { decodeImage, encodePng } from "../../src/formats/index.ts";
import type { Trained } from "../../src/systems/index.ts";
import { temporaryFolder } from "./program.ts";

const size = [8, 8] as const;
/** As much of a model as pictures are read for. */
const model = (data: object, channels = 1): Trained =>
  ({ recipe: { data }, checkpoint: { header: { image: [channels, ...size] } } }) as unknown as Trained;
const folderData = { kind: "folder", filter: "bilinear", background: "#ff0000", fit: "pad" };

let wide: string;
let half: string;
beforeAll(async () => {
  const folder = await temporaryFolder();
  [wide, half] = [join(folder, "wide.png"), join(folder, "half.png")] as [string, string];
  const levels = Array.from({ length: 16 * 32 }, (_, i) => (i * 37) % 256);
  await writeFile(wide, await encodePng(NDArray.of(levels, [1, 16, 32], "uint8")));
  const rows = Array.from({ length: 16 * 32 }, (_, i) => (i < 8 * 32 ? 255 : 0));
  await writeFile(half, await encodePng(NDArray.of(rows, [1, 16, 32], "uint8")));
});

describe("a picture", () => {
  it("is cut, filled and resized as those that the model learned from", async () => {
    const { filter, background, fit } = folderData as { filter: "bilinear"; background: string; fit: "pad" };
    const wanted = await decodeImage(wide, { size, channels: 3, filter, background, fit });
    expect(await readImage(model(folderData, 3), wide)).toEqual(toUnit(wanted));
    const digits = await decodeImage(wide, { size, channels: 1, filter: "mitchell" });
    expect(await readImage(model({ kind: "digits" }), wide)).toEqual(toUnit(digits));
    expect(digits).not.toEqual(await decodeImage(wide, { size, channels: 1 }));
  });
});

describe("a mask", () => {
  it("is 1 where white and 0 where black, bit for bit, and cut as its picture", async () => {
    const mask = await readMask(model({ kind: "digits" }), half, wide);
    expect(mask.shape).toEqual([1, 1, ...size]);
    expect([...mask.data.slice(0, 24)]).toEqual(Array(24).fill(1));
    expect([...mask.data.slice(40)]).toEqual(Array(24).fill(0));
  });

  it("keeps what is only padding", async () => {
    const mask = await readMask(model(folderData, 3), half, wide);
    expect([...mask.data.slice(0, 8)]).toEqual(Array(8).fill(0));
    expect(mask.data[2 * 8 + 4]).toBe(1);
  });
});
