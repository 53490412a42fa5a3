import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { explain } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

const readings = async (words: readonly string[]) => {
  const { code, stdout, stderr } = await explain(["elbo", ...words, "--out", join(folder, "elbo.svg")]);
  if (code !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [, total, error, above] =
        /: (-?[\d.]+) ± ([\d.]+) bits per dimension, (-?[\d.]+) above/.exec(line) ?? [];
      return { total: Number(total), error: Number(error), above: Number(above) };
    });
};

/** A draw further out than this happens once in 16,000. */
const ERRORS = 4;

describe("undiffuse explain elbo", () => {
  it("gives a bound that larger steps loosen", async () => {
    const [fine] = await readings(["--schedules", "squaredcos_cap_v2", "--timesteps", "400"]);
    const [coarse] = await readings(["--schedules", "squaredcos_cap_v2", "--timesteps", "20"]);
    for (const { above, error } of [fine, coarse] as { above: number; error: number }[])
      expect(above).toBeGreaterThan(-ERRORS * error);
    expect(coarse?.total).toBeGreaterThan(fine?.total as number);
  });

  it("comes close to the density's own bits with small steps and the variance of smooth data", async () => {
    const words = ["--density", "three_clouds", "--variance", "fixed_large", "--timesteps", "1000"];
    const [{ above, error } = { above: Number.NaN, error: 0 }] = await readings([
      ...words,
      "--schedules",
      "linear",
    ]);
    // What is left of a bit is the size of the steps.
    expect(Math.abs(above)).toBeLessThan(0.05 + ERRORS * error);
  });

  it.each([
    [["--variance", "learned"], /Allowed choices are fixed_small, fixed_large/],
    [["--schedules", "cosine"], /--schedules: expected some of linear, .*got "cosine"/],
    [["--model", "runs/x", "--timesteps", "5"], /--timesteps: expected no --model beside it, got both/],
  ])("refuses %s", async (words, pattern) => {
    const { code, stderr } = await explain(["elbo", ...words]);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });

  it("fails at a run that is not there", async () => {
    const { code, stderr } = await explain(["elbo", "--model", "no/such/run"]);
    expect(stderr).toMatch(/no\/such\/run: expected a run with a checkpoint, got none/);
    expect(code).toBe(1);
  });
});
