import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse train --data", () => {
  let folder: string;
  let photos: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    photos = join(folder, "photos");
    const random = new Generator(0);
    for (const name of ["cat", "dog"]) {
      await mkdir(join(photos, name), { recursive: true });
      for (let k = 0; k < 6; k++) {
        const image = random.integers(0, 256, [3, 20, 24]).cast("uint8");
        await writeFile(join(photos, name, `${k}.png`), await encodePng(image));
      }
    }
    await writeFile(join(photos, "cat", "broken.jpg"), "not a picture");
  });
  const dataOf = async (words: string[]) => {
    const { code, stdout, stderr } = await undiffuse(["train", ...words, "--dry-run"]);
    expect(code, stderr).toBe(0);
    return { ...JSON.parse(stdout).data, stderr };
  };

  it("keeps what the recipe says of folders, and changes what is given", async () => {
    const data = await dataOf(["images", "--data", photos, "--classes", "folders"]);
    expect(data).toMatchObject({ kind: "folder", path: photos, size: 32, channels: 3, classes: "folders" });
  });

  it("skips what is not a picture, and says so", async () => {
    const { stderr } = await dataOf(["images", "--data", photos, "--size", "8"]);
    expect(stderr).toMatch(/skipped cat\/broken\.jpg/);
    expect(stderr).toMatch(/12 images of 3×8×8/);
  });

  it("trains with the folders' names as classes, and samples one of them", async () => {
    const recipe = await writeTinyRecipe(folder, { steps: 2, batch: 4, heldOut: 0 });
    const run = join(folder, "run");
    const words = ["--data", photos, "--size", "8", "--classes", "folders", "--out", run];
    const trained = await undiffuse(["train", recipe, ...words]);
    expect(trained.code, trained.stderr).toBe(0);
    const sampled = await undiffuse(["sample", run, "--class", "dog", "--count", "2"]);
    expect(sampled.code, sampled.stderr).toBe(0);
    expect((await undiffuse(["info", join(run, "samples/grid.png")])).stdout).toMatch(/classes +dog, dog/);
    expect((await readFile(join(run, "recipe.json"), "utf8")).includes(photos)).toBe(true);
  });

  it("says what it found where nothing is a picture", async () => {
    const { code, stderr } = await undiffuse(["train", "images", "--data", join(folder, "nowhere")]);
    expect(stderr).toMatch(/nowhere/);
    expect(code).toBe(1);
  });

  it("asks for classes where the recipe wants them", async () => {
    const recipe = await writeTinyRecipe(folder);
    const { code, stderr } = await undiffuse(["train", recipe, "--data", photos]);
    expect(stderr).toMatch(/expected images with classes.*\n {2}hint: set data\.classes/);
    expect(code).toBe(1);
  });
});
