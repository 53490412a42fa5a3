import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { decodeImage, encodePng } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse sample", () => {
  let run: string;
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    run = join(folder, "run");
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
  });

  it("writes a grid, single images and an animation, and says where", async () => {
    const out = join(folder, "all");
    const words = ["sample", run, "--out", out, "--count", "12", "--singles", "--gif", "--scale", "2"];
    const { code, stdout } = await undiffuse(words);
    expect(code).toBe(0);
    const files = await readdir(out);
    expect(files.sort()).toEqual(
      [
        ...Array.from({ length: 12 }, (_, k) => `${String(k).padStart(5, "0")}.png`),
        "denoising.gif",
        "grid.png",
      ].sort(),
    );
    expect(stdout.trim().split("\n").sort()).toEqual(files.map((file) => join(out, file)).sort());
  });

  it("records the command that makes the same image again", async () => {
    const first = join(folder, "first");
    await undiffuse([
      "sample",
      run,
      "--out",
      first,
      "--count",
      "3",
      "--seed",
      "7",
      "--singles",
      "--batch",
      "1",
    ]);
    const { stdout } = await undiffuse(["info", join(first, "00009.png")]);
    const command = stdout.match(/command +undiffuse (.*)/)?.[1]?.split(" ") ?? [];
    expect(command).toContain("--seed");
    const again = join(folder, "again");
    expect((await undiffuse([...command, "--out", again])).code).toBe(0);
    expect(await readFile(join(again, "00009.png"))).toEqual(await readFile(join(first, "00009.png")));
  });

  it("makes image k of a batch as it is alone, to a grey level", async () => {
    const [batch, alone] = [join(folder, "batch"), join(folder, "alone")];
    const words = ["--class", "3", "--singles", "--sampler", "ancestral", "--steps", "10"];
    await undiffuse(["sample", run, "--out", batch, "--count", "4", "--seed", "20", ...words]);
    await undiffuse(["sample", run, "--out", alone, "--count", "1", "--seed", "22", ...words]);
    const [a, b] = await Promise.all(
      [batch, alone].map((path) => decodeImage(join(path, "00022.png"), { size: 16, channels: 1 })),
    );
    const difference = a?.data.map((level, i) => Math.abs(level - (b?.data[i] as number)));
    expect(Math.max(...(difference as Uint8Array))).toBeLessThanOrEqual(1);
  });

  it("refuses a class that the model does not know", async () => {
    const { code, stderr } = await undiffuse(["sample", run, "--class", "seven"]);
    expect(stderr).toMatch(/--class: expected one of 0, 1, .*, got "seven"/);
    expect(code).toBe(2);
  });

  const single = async (name: string, words: readonly string[]) => {
    const out = join(folder, name);
    const outcome = await undiffuse(["sample", run, "--out", out, "--count", "1", "--singles", ...words]);
    expect(outcome.code, outcome.stderr).toBe(0);
    const [file] = (await readdir(out)).filter((name) => name !== "grid.png");
    return decodeImage(join(out, file as string), { size: 16, channels: 1 });
  };

  it("begins with a picture, and keeps what a mask covers", async () => {
    const [picture, mask] = [join(folder, "picture.png"), join(folder, "mask.png")];
    const pixels = NDArray.of(
      Array.from({ length: 256 }, (_, i) => i),
      [1, 16, 16],
      "uint8",
    );
    const top = NDArray.of(
      Array.from({ length: 256 }, (_, i) => (i < 128 ? 255 : 0)),
      [1, 16, 16],
      "uint8",
    );
    await writeFile(picture, await encodePng(pixels));
    await writeFile(mask, await encodePng(top));
    const near = await single("near", [
      "--from",
      picture,
      "--strength",
      "0.02",
      "--steps",
      "100",
      "--class",
      "3",
    ]);
    expect(near.sub(pixels).abs().mean().item()).toBeLessThan(10);
    const words = ["--from", picture, "--mask", mask, "--repaint", "2", "--class", "3", "--steps", "10"];
    const painted = await single("painted", words);
    expect([...painted.data.slice(128)]).toEqual(Array.from({ length: 128 }, (_, i) => 128 + i));
    const { stdout } = await undiffuse(["info", join(folder, "painted", "00000.png")]);
    expect(stdout).toContain(`--from ${picture} --mask ${mask} --repaint 2`);
  });

  it("takes settings of the sampler, and a diffusers scheduler of the model's schedule", async () => {
    const options = ["--class", "3", "--steps", "6"];
    const file = join(folder, "scheduler_config.json");
    await writeFile(
      file,
      JSON.stringify({
        _class_name: "UniPCMultistepScheduler",
        beta_schedule: "squaredcos_cap_v2",
        num_train_timesteps: 100,
        solver_order: 3,
      }),
    );
    const asFile = await single("file", ["--scheduler", file, ...options]);
    const settings = "order=3,spacing=linspace,clip=null,final=clean";
    const asWords = await single("words", ["--sampler", "unipc", "--sampler-options", settings, ...options]);
    expect(asWords).toEqual(asFile);
    const other = join(folder, "other.json");
    await writeFile(other, JSON.stringify({ _class_name: "DDIMScheduler" }));
    const { code, stderr } = await undiffuse(["sample", run, "--scheduler", other]);
    expect(stderr).toContain("expected the model's own schedule");
    expect(code).toBe(1);
  });

  it("goes between two seeds, whose images stand at the ends", async () => {
    const out = join(folder, "between");
    const words = ["--interpolate", "3,9", "--count", "5", "--class", "2", "--singles", "--batch", "1"];
    expect((await undiffuse(["sample", run, "--out", out, ...words])).code).toBe(0);
    const ends = await Promise.all(
      [3, 9].map((seed) => single(`end-${seed}`, ["--seed", String(seed), "--class", "2"])),
    );
    for (const [i, file] of ["00000.png", "00004.png"].entries())
      expect(await decodeImage(join(out, file), { size: 16, channels: 1 })).toEqual(ends[i]);
  });

  it.each([
    [["--strength", "0.5"], "--strength: expected a picture, --from, got none"],
    [["--from", "x.png", "--latent", "y"], "--latent: expected no --from beside it"],
    [["--from", "x.png", "--repaint", "3"], "--repaint: expected a --mask, got none"],
    [["--interpolate", "3"], "--interpolate: expected two seeds or two pictures"],
    [["--sampler-options", "order"], "--sampler-options: expected key=value with commas"],
    [["--strength", "1.5", "--from", "x.png"], "above 0 and at most 1"],
    [["--negative", "ten"], "--negative: expected one of 0, 1"],
  ])("refuses %j", async (words, message) => {
    const { code, stderr } = await undiffuse(["sample", run, ...words]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it("refuses what the sampler cannot do", async () => {
    const { code, stderr } = await undiffuse(["sample", run, "--sampler", "heun", "--steps", "101"]);
    expect(stderr).toContain("steps: expected an integer from 1 to 100");
    expect(code).toBe(1);
  });
});
