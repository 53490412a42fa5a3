import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse runs", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const recipe = await writeTinyRecipe(folder, { heldOut: 0.01, heldOutEvery: 2, steps: 4 });
    for (const [name, batch] of [
      ["first", "8"],
      ["second", "16"],
    ] as const)
      await undiffuse(["train", recipe, "--out", join(folder, "runs", name), "--batch", batch]);
    await mkdir(join(folder, "runs", "broken"));
    await writeFile(join(folder, "runs", "broken", "metrics.jsonl"), "no metrics\n");
  });

  it("lists runs, the newest first, and skips a damaged one with a line", async () => {
    const { code, stdout, stderr } = await undiffuse(["runs", join(folder, "runs")]);
    expect(code).toBe(0);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^name +system +step +loss +held out +images\/s +time +state +folder$/);
    const row = (name: string) =>
      new RegExp(`^tiny +ddpm +4/4 +\\d\\.\\d{4} +\\d\\.\\d{4} at [24] +\\d+ +\\d+ s +done +.*runs/${name}$`);
    expect(rows).toEqual([expect.stringMatching(row("second")), expect.stringMatching(row("first"))]);
    expect(stderr).toMatch(/^skipped .*broken: .*recipe\.json.*\n$/);
  });

  it("shows what the recipes differ in, and nothing else of them", async () => {
    const { stdout } = await undiffuse(["runs", join(folder, "runs"), "--recipes"]);
    const [head, ...rows] = (stdout.split("\n\n")[1] as string).trimEnd().split("\n");
    expect(head).toMatch(/^recipe +.*second +.*first$/);
    expect(rows).toEqual([expect.stringMatching(/^training\.batch +16 +8$/)]);
  });

  it("says how to make a run where there is none, and refuses what is no folder", async () => {
    expect((await undiffuse(["runs", await temporaryFolder()])).stderr).toMatch(
      /no run in .*undiffuse train/,
    );
    const { code, stderr } = await undiffuse(["runs", join(folder, "nowhere")]);
    expect(stderr).toMatch(/expected a folder with runs/);
    expect(code).toBe(1);
  });
});
