import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/formats/index.ts";
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
});
