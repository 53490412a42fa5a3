import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse data", () => {
  let folder: string;
  let photos: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    photos = join(folder, "photos");
    for (const [name, count] of [
      ["cat", 3],
      ["dog", 1],
    ] as const) {
      await mkdir(join(photos, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = NDArray.full([3, 10 + i, 12], i, "uint8");
        await writeFile(join(photos, name, `${i}.png`), await encodePng(image));
      }
    }
    for (let i = 0; i < 12; i++) await writeFile(join(photos, "dog", `note ${10 + i}.txt`), "text");
  });

  it("counts images and classes of a folder, and says what is skipped and why", async () => {
    const { code, stdout, stderr } = await undiffuse([
      "data",
      photos,
      "--size",
      "11",
      "--classes",
      "folders",
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "data      photos",
      "images    4 of 3×11×11",
      expect.stringMatching(/^smallest {2}10×12, (cat|dog)\/0\.png$/),
      "largest   12×12, cat/2.png",
      "enlarged  2 of 4 pictures",
      "classes   2",
      "        3  cat",
      "        1  dog",
      "skipped   12: not png, jpeg, webp, gif, tiff, avif",
      ...Array.from({ length: 10 }, (_, i) => `  dog/note ${10 + i}.txt`),
      "  … 2 more (--all lists them)",
      "",
    ]);
    const all = await undiffuse(["data", photos, "--all"]);
    expect(all.stdout).toContain("dog/note 21.txt");
    expect(all.stdout).toContain("4 of 3×32×32");
    expect(all.stdout).not.toContain("classes");
  });

  it("takes recipes", async () => {
    const recipe = await writeTinyRecipe(folder);
    const { stdout, code } = await undiffuse(["data", recipe]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^images +10000 of 1×16×16\nclasses +10\n +1001 +0\n/m);
    expect(stdout).not.toContain("smallest");
  });

  it("refuses what is neither, and a folder without a picture", async () => {
    expect(await undiffuse(["data", join(folder, "nowhere")])).toMatchObject({ code: 2 });
    await mkdir(join(folder, "empty"));
    const { code, stderr } = await undiffuse(["data", join(folder, "empty")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/got an empty folder/);
  });
});
