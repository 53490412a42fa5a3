import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { dotsIn, drawn, explain } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
const few = ["--points", "50", "--density", "three_clouds"];

describe("undiffuse explain samplers", () => {
  it("gives every sampler the steps that the evaluations pay for", async () => {
    const words = ["--samplers", "ddim,heun,ancestral", "--evaluations", "9", "--budgets", "5,10", ...few];
    const svg = await drawn(join(folder, "samplers.svg"), ["samplers", ...words]);
    for (const caption of ["true draws", "ddim, 9 steps", "heun, 5 steps", "ancestral, 9 steps"])
      expect(svg).toContain(`>${caption}<`);
    expect(dotsIn(svg)).toEqual([50, 50, 50, 50]);
  });

  it("draws errors that fall with the evaluations, of samplers without noise from the exact end too", async () => {
    const words = ["--samplers", "ddim,ancestral", "--budgets", "4,8,16,64", ...few];
    const { stdout } = await explain(["samplers", ...words, "--out", join(folder, "error.svg")]);
    const [, ddim] = stdout.split("\n");
    const distances = [...(ddim as string).matchAll(/([\d.]+) at/g)].map(([, distance]) => Number(distance));
    expect(distances).toHaveLength(4);
    expect(distances[3]).toBeLessThan(distances[0] as number);
    const svg = await drawn(join(folder, "error.svg"), ["samplers", ...words]);
    const lines = (colour: string) =>
      svg.match(new RegExp(`<path[^>]*stroke="${colour}"[^>]*stroke-width="2.2"`, "g"));
    expect(lines("#0072b2")).toHaveLength(2);
    expect(lines("#d55e00")).toHaveLength(1);
  });

  it.each([
    [["--samplers", "ddim,foo"], /--samplers: expected some of ddim, .*got "foo"/],
    [["--samplers", "rk45"], /--samplers: expected samplers whose evaluations are known ahead, got "rk45"/],
    [["--samplers", "ddim,heun,lms,deis,unipc,pndm,euler,lcm"], /--samplers: expected at most 7, got 8/],
    [
      ["--samplers", "pndm", "--evaluations", "1", "--budgets", "0"],
      /--budgets: expected whole numbers of at least 1/,
    ],
    [["--budgets", "5,ten"], /--budgets: expected whole numbers .*got "5,ten"/],
    [["--budgets", "2.5"], /--budgets: expected whole numbers .*got "2\.5"/],
    [["--points", "1"], /at least 2, got "1"/],
  ])("refuses %s", async (words, pattern) => {
    const { code, stderr } = await explain(["samplers", ...words, "--out", join(folder, "bad.svg")]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });
});
