import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse", () => {
  it.each([
    [["--help"], /train[\s\S]*sample[\s\S]*explain[\s\S]*info[\s\S]*runs[\s\S]*doctor/],
    [["train", "--help"], /--resume[\s\S]*Examples:\n {2}undiffuse train digits/],
    [["sample", "--help"], /--guidance[\s\S]*Examples:/],
  ])("teaches: %s", async (words, pattern) => {
    const { code, stdout } = await undiffuse(words);
    expect(stdout).toMatch(pattern);
    expect(code).toBe(0);
  });

  it("prints its version", async () => {
    expect((await undiffuse(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [["trian"], /unknown command 'trian'[\s\S]*train/],
    [["train", "digits", "--step", "5"], /unknown option '--step'[\s\S]*--steps/],
    [["train", "digits", "--steps", "0"], /whole number of at least 1, got "0"/],
    [["train", "digits", "--steps", "1e-4"], /whole number of at least 1, got "1e-4"/],
    [["train", "digits", "--steps", "1e400"], /whole number of at least 1, got "1e400"/],
    [["train", "digits", "--steps", "ten"], /whole number of at least 1, got "ten"/],
    [["train"], /missing required argument/],
    [["sample", "x", "--sampler", "dimm"], /Allowed choices are ddim, ancestral/],
    [["train", "nothing-like-this"], /expected one of digits, .*images, .*, a recipe file or a run folder/],
  ])("ends with 2 for wrong words: %s", async (words, pattern) => {
    const { code, stderr } = await undiffuse(words);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });

  it("ends with 1 and no stack when something it needs is missing or wrong", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "recipe.json");
    await writeFile(file, '{"system":"ddpm","training":{"stepz":3}}');
    for (const [words, pattern] of [
      [["train", file], /training\.steps/],
      [["sample", folder], /expected a run with a checkpoint/],
      [["info", join(folder, "none.png")], /nothing there/],
    ] as const) {
      const { code, stderr } = await undiffuse(words);
      expect(stderr).toMatch(pattern);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(code).toBe(1);
    }
  });

  it("takes a whole number as 1e4", async () => {
    const { code, stdout } = await undiffuse([
      "train",
      await writeTinyRecipe(await temporaryFolder()),
      "--steps",
      "1e4",
      "--dry-run",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).training.steps).toBe(10_000);
  });

  it.each([
    ["that is empty", "", /expected a recipe as a JSON object, got Unexpected end/],
    ["that is no JSON", "steps: 3", /expected a recipe as a JSON object, got Unexpected token/],
    ["of null", "null", /expected a recipe as a JSON object, got null/],
    ["of a text", '"digits"', /expected a recipe as a JSON object, got "digits"/],
    ["of a list", "[]", /expected a recipe, got system: /],
    [
      "with a text for an object",
      '{"system":"ddpm","training":"fast"}',
      /training: .*expected object, received string/,
    ],
  ])("ends with 1 for a recipe file %s", async (_, text, pattern) => {
    const file = join(await temporaryFolder(), "recipe.json");
    await writeFile(file, text);
    const { code, stderr } = await undiffuse(["train", file]);
    expect(stderr).toMatch(pattern);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
  });

  it("ends with 1 for a folder without a run as a recipe", async () => {
    const { code, stderr } = await undiffuse(["train", await temporaryFolder()]);
    expect(stderr).toMatch(/recipe\.json: expected a recipe as a JSON object, got ENOENT/);
    expect(code).toBe(1);
  });

  it("checks the machine", async () => {
    const { code, stdout } = await undiffuse(["doctor"]);
    expect(stdout).toMatch(/ok +onnxruntime +CPU, a convolution agrees/);
    expect(stdout).not.toMatch(/failed/);
    expect(code).toBe(0);
  });
});
