import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "../cli/program.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const loader = join(root, "tools/typescript.mjs");

/** What each example must print, in part. They use the built package, as its users do. */
const expected: Readonly<Record<string, RegExp>> = {
  "denoiser.ts": /mean (2\.9|3\.0)\d, standard deviation 0\.(4[89]|5[012])/,
  "gradient.ts": /slope at each x: 0\.0723, 0\.5000, 0\.9277/,
  "sample.ts": /step 3 of 3/,
  "train.ts": /step 5: loss [\d.]+/,
};

describe("every example", () => {
  let folder: string;
  const run = async (name: string) => {
    const words = ["--import", loader, join(root, "examples", name)];
    return (await promisify(execFile)(process.execPath, words, { cwd: folder })).stdout;
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, "runs"));
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    const trained = await undiffuse(["train", recipe, "--out", join(folder, "runs/digits")]);
    expect(trained.code, trained.stderr).toBe(0);
  });

  it("is known here", async () => {
    expect((await readdir(join(root, "examples"))).sort()).toEqual(Object.keys(expected));
  });

  it.each(Object.entries(expected))("runs: %s", async (name, pattern) => {
    expect(await run(name)).toMatch(pattern);
  });

  it("that the README shows is the file", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    expect(readme).toContain(await readFile(join(root, "examples/sample.ts"), "utf8"));
    expect((await stat(join(folder, "digits.png"))).size).toBeGreaterThan(100);
  });
});
