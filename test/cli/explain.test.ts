import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse } from "./program.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

/** Grey levels of the pictures inside an SVG, in order. */
const picturesIn = async (svg: string): Promise<number[][]> => {
  const found = [...svg.matchAll(/data:image\/png;base64,([^"]+)/g)];
  return Promise.all(
    found.map(async ([, data]) => [
      ...(await sharp(Buffer.from(data as string, "base64"))
        .raw()
        .toBuffer()),
    ]),
  );
};
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("undiffuse explain schedule", () => {
  it("draws every schedule, and says where half of the signal is gone", async () => {
    const out = join(folder, "schedule.svg");
    const { code, stdout } = await undiffuse(["explain", "schedule", "--out", out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/linear \(0\.0001 … 0\.02\): half noise at t = 259 of 1000/);
    const svg = await readFile(out, "utf8");
    for (const name of ["linear", "scaled_linear", "squaredcos_cap_v2"]) expect(svg).toContain(name);
    expect(svg.match(/<path[^>]*stroke-width="2.2"/g)).toHaveLength(9);
  });

  it("draws those that are asked for, with the ends that are given", async () => {
    const out = join(folder, "one.svg");
    const words = ["explain", "schedule", "--schedules", "linear", "--beta-end", "0.5", "--out", out];
    const { stdout } = await undiffuse(words);
    expect(stdout).toMatch(/linear \(0\.0001 … 0\.5\)/);
    expect(await readFile(out, "utf8")).not.toContain("squaredcos");
  });
});

describe("undiffuse explain forward", () => {
  it("goes from the image to noise, the same noise in every row", async () => {
    const image = join(folder, "white.png");
    await writeFile(image, await encodePng(NDArray.full([3, 16, 16], 255, "uint8")));
    const out = join(folder, "forward.svg");
    const words = ["explain", "forward", "--image", image, "--size", "16", "--columns", "3", "--out", out];
    expect((await undiffuse(words)).code).toBe(0);
    const pictures = await picturesIn(await readFile(out, "utf8"));
    expect(pictures).toHaveLength(9);
    for (const row of [0, 3, 6]) {
      expect(mean(pictures[row] as number[])).toBeGreaterThan(250);
      expect(Math.abs(mean(pictures[row + 2] as number[]) - 127.5)).toBeLessThan(20);
    }
    // The last column of linear and cosine is all but the noise itself.
    const [linear, cosine] = [pictures[2], pictures[8]] as [number[], number[]];
    expect(mean(linear.map((level, i) => Math.abs(level - (cosine[i] as number))))).toBeLessThan(2);
  });
});

describe("undiffuse explain", () => {
  it.each([
    [["schedule", "--schedules", "linear,cosine"], /--schedules: expected some of linear, .*got "cosine"/],
    [["schedule", "--out", "x.pdf"], /--out: expected a file that ends in \.svg or \.png, got "x\.pdf"/],
    [["forward", "--image", "no-such.png"], /no-such\.png/],
  ])("says what is wrong: %s", async (words, pattern) => {
    const { code, stderr } = await undiffuse(["explain", ...words]);
    expect(stderr).toMatch(pattern);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
  });
});
