import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { dotsIn, drawn, explain } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

describe("undiffuse explain reverse", () => {
  it("shows all points at every moment, twice, from the noisiest level to data", async () => {
    const words = ["--points", "40", "--steps", "8", "--panels", "3"];
    const svg = await drawn(join(folder, "reverse.svg"), ["reverse", ...words]);
    expect(dotsIn(svg)).toEqual([40, 40, 40, 40, 40, 40]);
    const headings = [...svg.matchAll(/>(t = \d+, σ = [\d.]+|data)</g)].map(([, heading]) => heading);
    expect(headings).toEqual(["t = 999, σ = 1.00", "t = 499, σ = 0.71", "data"]);
  });

  it("colours points by the class that they end in", async () => {
    const words = ["--density", "eight_gaussians", "--points", "200", "--steps", "20", "--panels", "2"];
    const svg = await drawn(join(folder, "eight.svg"), ["reverse", ...words]);
    const colours = (plane: string) => new Set(plane.match(/#[0-9a-f]{6}(?=" stroke-width="2\.4")/g));
    const [noise, data] = svg.split('overflow="hidden">').slice(1) as [string, string];
    expect(colours(data).size).toBeGreaterThan(3);
    expect(colours(noise)).toEqual(colours(data));
  });

  it.each([
    [["--panels", "9", "--steps", "3"], /--panels: expected 2 to 4, got 9/],
    [["--density", "moon"], /'moon' is invalid. Allowed choices are two_moons, /],
    [["--sampler", "ddim_inversion"], /sampler: expected one that goes from noise to data, got ddim/],
    [["--points", "0"], /at least 1, got "0"/],
    [["--count", "3"], /--count: expected --model, got none/],
    [["--model", "runs/x", "--points", "5"], /--points: expected no --model beside it, got both/],
  ])("refuses %s", async (words, pattern) => {
    const { code, stderr } = await explain(["reverse", ...words, "--out", join(folder, "bad.svg")]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });

  it.each([
    [["--steps", "1001"], /steps: expected an integer from 1 to 1000/],
    [
      ["--model", "no/such/run"],
      /no\/such\/run: expected a run folder, a checkpoint or a packaged model \(emoji\), got nothing there/,
    ],
  ])("fails at %s", async (words, pattern) => {
    const { code, stderr } = await explain(["reverse", ...words, "--out", join(folder, "bad.svg")]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(1);
  });
});
