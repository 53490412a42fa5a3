import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { dotsIn, drawn, explain } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
const small = ["--density", "three_clouds", "--points", "101", "--steps", "10"];

describe("undiffuse explain interpolation", () => {
  it("draws five pairs on their way and the middles of all, on lines and on circles", async () => {
    const svg = await drawn(join(folder, "between.svg"), ["interpolation", ...small]);
    const onTheWay = 5 * 41 + 5 * 2;
    expect(dotsIn(svg)).toEqual([onTheWay, onTheWay, 101, 101, onTheWay, onTheWay, 101, 101]);
  });

  it("shows the middles of lines to be too near 0, in the plane and more surely in many dimensions", async () => {
    const svg = await drawn(join(folder, "norms.svg"), ["interpolation", ...small, "--dimensions", "2000"]);
    const norms = [...svg.matchAll(/>median norm ([\d.]+)</g)].map(([, norm]) => Number(norm));
    const [line = 0, , circle = 0] = norms;
    expect(line).toBeLessThan(circle);
    // In pixels from the top: the line of the first panel dips in the middle, the circle's stays.
    const [linear, spherical] = [...svg.matchAll(/<path d="([^"]*)"[^>]*stroke-width="2.2"/g)].map(
      ([, path]) => [...(path as string).matchAll(/[ ,](-?[\d.]+)(?=[ML]|$)/g)].map(([, y]) => Number(y)),
    ) as [number[], number[]];
    const dip = (heights: readonly number[]) => Math.max(...heights) - Math.min(...heights);
    expect(dip(linear)).toBeGreaterThan(10 * dip(spherical));
  });

  it.each([
    [["--to", "4"], /--to: expected --model, got none/],
    [["--columns", "4"], /--columns: expected --model, got none/],
    [["--model", "runs/x", "--dimensions", "5"], /--dimensions: expected no --model beside it, got both/],
    [["--dimensions", "1"], /at least 2, got "1"/],
  ])("refuses %s", async (words, pattern) => {
    const { code, stderr } = await explain(["interpolation", ...words, "--out", join(folder, "bad.svg")]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });
});
