import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeImage, pictureSize } from "../../src/formats/index.ts";
import { emojiEdm } from "../../src/recipes/index.ts";
import { findCheckpoint, packagedModels, parseRecipe } from "../../src/systems/index.ts";
import { temporaryFolder, undiffuse } from "./program.ts";

describe("the model that comes along", () => {
  it("is of the committed recipe, trained to its end, in 5 MB", async () => {
    const { header } = await findCheckpoint("emoji");
    const recipe = parseRecipe(emojiEdm, "emoji-edm");
    expect(header.recipe).toEqual(recipe);
    expect(header.step).toBe(recipe.training.steps);
    expect((await stat(packagedModels.emoji as string)).size).toBeLessThan(5e6);
  });

  it("samples a class where no model is named", async () => {
    const out = await temporaryFolder();
    const { code } = await undiffuse([
      "sample",
      "--class",
      "hearts",
      "--out",
      out,
      "--singles",
      "--scale",
      "1",
    ]);
    expect(code).toBe(0);
    expect(await pictureSize(join(out, "00000.png"))).toEqual({ width: 32, height: 32 });
    const { data } = await decodeImage(join(out, "00000.png"), { size: 32, channels: 3 });
    // A heart on white: bright corners, and something else within.
    const green = data.slice(1024, 2048);
    for (const corner of [0, 31, 992, 1023]) expect(green[corner]).toBeGreaterThan(200);
    expect(Math.min(...green)).toBeLessThan(150);
  });

  it("of another name is none, and the answer has its name", async () => {
    const { code, stderr } = await undiffuse(["sample", "emojis"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("a packaged model (emoji)");
  });
});
