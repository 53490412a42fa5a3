import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { readProvenance } from "../../src/cli/provenance.ts";
import { decodeImage, readSafetensors } from "../../src/formats/index.ts";
import { tinyRecipe } from "../tiny-recipe.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse invert", () => {
  let run: string;
  let folder: string;
  let picture: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    run = join(folder, "run");
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
    await undiffuse(["sample", run, "--out", folder, "--count", "1", "--class", "4", "--singles"]);
    picture = join(folder, "00000.png");
  });

  it("writes noise that sample --latent leads back to the picture", async () => {
    const words = ["invert", run, picture, "--class", "4", "--out", folder, "--steps", "100"];
    const { code, stdout, stderr } = await undiffuse(words);
    expect(code, stderr).toBe(0);
    const apart = Number(stdout.match(/within ([\d.]+) of 255/)?.[1]);
    expect(apart).toBeLessThan(40); // an untrained network, whose eps changes fast
    const latent = join(folder, "00000.inverted.safetensors");
    expect(readSafetensors(await readFile(latent)).tensors.get("x")?.shape).toEqual([1, 1, 16, 16]);
    const out = join(folder, "again");
    const sample = ["sample", run, "--latent", latent, "--class", "4", "--count", "1", "--singles"];
    const path = ["--guidance", "1", "--sampler", "ddim", "--steps", "100", "--out", out];
    expect((await undiffuse([...sample, ...path])).code).toBe(0);
    const [a, b] = await Promise.all(
      [picture, join(out, "00000.png")].map((file) => decodeImage(file, { size: 16, channels: 1 })),
    );
    const found = (a as NDArray)
      .sub(b as NDArray)
      .abs()
      .mean()
      .item();
    expect(Math.abs(found - apart)).toBeLessThan(1);
  });

  it("records the command in both files", async () => {
    await undiffuse(["invert", run, picture, "--class", "4", "--out", folder, "--steps", "10"]);
    const { stdout } = await undiffuse(["info", join(folder, "00000.inverted.png")]);
    const line = stdout.match(/command +undiffuse (.*)/)?.[1] ?? "";
    expect(line).toMatch(/^invert .*00000\.png --steps 10 --class 4$/);
    const bytes = await readFile(join(folder, "00000.inverted.safetensors"));
    expect(readSafetensors(bytes).metadata.command).toBe(`undiffuse ${line}`);
    const again = await temporaryFolder();
    expect((await undiffuse([...line.split(" "), "--out", again])).code).toBe(0);
    for (const name of ["00000.inverted.png", "00000.inverted.safetensors"])
      expect(await readFile(join(again, name))).toEqual(await readFile(join(folder, name)));
  });

  it("refuses a class that the model does not know, and a picture that is not there", async () => {
    const { stderr, code } = await undiffuse(["invert", run, picture, "--class", "four"]);
    expect([stderr.includes("--class: expected one of 0, 1"), code]).toEqual([true, 2]);
    const missing = await undiffuse(["invert", run, join(folder, "none.png")]);
    expect([missing.stderr.includes("none.png"), missing.code]).toEqual([true, 1]);
  });
});

it("invert and sample --latent leave aside a classifier that leads, unless told", async () => {
  const folder = await temporaryFolder();
  const run = join(folder, "run");
  const { config, ...tiny } = tinyRecipe({ steps: 2, heldOut: 0 });
  const { up_block_types, dropout, ...classifier } = config.network;
  const sampling = { ...tiny.sampling, classifierScale: 1e4 };
  const recipe = { ...tiny, system: "adm", config: { ...config, classifier }, sampling };
  await writeFile(join(folder, "adm.json"), JSON.stringify(recipe));
  expect((await undiffuse(["train", join(folder, "adm.json"), "--out", run])).code).toBe(0);
  await undiffuse(["sample", run, "--out", folder, "--count", "1", "--class", "4", "--singles"]);
  const picture = join(folder, "00000.png");
  expect((await undiffuse(["invert", run, picture, "--class", "4", "--out", folder])).code).toBe(0);
  const latent = ["--latent", join(folder, "00000.inverted.safetensors"), "--class", "4", "--count", "1"];
  const sampled = async (...words: string[]) => {
    await undiffuse(["sample", run, ...latent, "--out", folder, ...words]);
    return readProvenance("grid.png", await readFile(join(folder, "grid.png")));
  };
  expect((await sampled()).sampling).toMatchObject({ guidance: 1, classifierScale: 0 });
  const led = await sampled("--sampling", "classifierScale=1e4");
  expect(led.sampling).toMatchObject({ classifierScale: 1e4 });
  expect(led.command).toMatch(/--sampling classifierScale=10000/);
});
