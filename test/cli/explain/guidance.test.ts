import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { dotsIn, drawn, explain } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

describe("undiffuse explain guidance", () => {
  it("draws all classes and one, at each guidance in rising order", async () => {
    const words = ["--points", "20", "--steps", "5", "--guidance", "3,0"];
    const svg = await drawn(join(folder, "guidance.svg"), ["guidance", ...words]);
    expect(dotsIn(svg)).toEqual([60, 60, 20, 20]);
    expect([...svg.matchAll(/>(s = [^<]*)</g)].map(([, heading]) => heading)).toEqual([
      "s = 0 (no class)",
      "s = 3",
    ]);
  });

  it("tells what it costs: more of each class look like it, and vary less", async () => {
    const out = join(folder, "figures.svg");
    const words = ["guidance", "--points", "100", "--steps", "20", "--guidance", "0,1,4", "--out", out];
    const lines = (await explain(words)).stdout.trim().split("\n").slice(1);
    const figures = lines.map((line) => /: (\d+)% .* deviation ([\d.]+)/.exec(line)?.slice(1).map(Number));
    const [none, plain, much] = figures as [number[], number[], number[]];
    expect(none[0]).toBeLessThan(plain[0] as number);
    expect(plain[0]).toBeLessThan(much[0] as number);
    expect(much[1]).toBeLessThan(plain[1] as number);
    expect(plain[1]).toBeLessThan(none[1] as number);
  });

  it.each([
    [["--guidance", "-1"], /--guidance: expected numbers of at least 0 with commas, got "-1"/],
    [["--guidance", "1,,2"], /--guidance: expected numbers .*got "1,,2"/],
    [["--count", "4"], /--count: expected --model, got none/],
    [["--model", "runs/x", "--density", "spiral"], /--density: expected no --model beside it, got both/],
  ])("refuses %s", async (words, pattern) => {
    const { code, stderr } = await explain(["guidance", ...words, "--out", join(folder, "bad.svg")]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });
});
