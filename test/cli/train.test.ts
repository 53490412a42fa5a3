import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { newestCheckpoint, runFolder } from "../../src/train/index.ts";
import { signalWhen, temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

const tensorsOf = async (folder: string): Promise<Record<string, number[]>> => {
  const { checkpoint } = await newestCheckpoint(runFolder(folder).checkpoints);
  expect(checkpoint?.header.step).toBe(40);
  return Object.fromEntries([...(checkpoint?.tensors ?? [])].map(([name, { data }]) => [name, [...data]]));
};

describe("undiffuse train", () => {
  let folder: string;
  let recipe: string;
  const run = (name: string) => join(folder, name);
  const trainIn = (name: string, words: string[] = [], watch?: Parameters<typeof undiffuse>[1]) =>
    undiffuse(["train", recipe, "--out", run(name), ...words], watch);

  beforeAll(async () => {
    folder = await temporaryFolder();
    recipe = await writeTinyRecipe(folder);
    const whole = await trainIn("whole");
    expect(whole.stderr).toMatch(/done in/);
    expect(whole.code).toBe(0);
  });

  it("fills the run's folder", async () => {
    expect((await readdir(run("whole"))).sort()).toEqual([
      "checkpoints",
      "metrics.jsonl",
      "previews",
      "recipe.json",
    ]);
    const lines = (await readFile(join(run("whole"), "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines.filter((line) => "losses" in JSON.parse(line))).toHaveLength(40);
  });

  it("saves at Ctrl-C, ends with 130, and goes on as if nothing had happened", async () => {
    const stopped = await trainIn("interrupted", [], signalWhen(/training \d+\/40/, "SIGINT"));
    expect(stopped.stderr).toMatch(/stopped after step \d+; saved .* go on with --resume/);
    expect(stopped.code).toBe(130);
    expect((await trainIn("interrupted", ["--resume"])).code).toBe(0);
    expect(await tensorsOf(run("interrupted"))).toEqual(await tensorsOf(run("whole")));
  });

  it("loses no more than the steps since the last checkpoint when it is killed", async () => {
    const killed = await trainIn("killed", [], signalWhen(/saved .*0000020/, "SIGKILL"));
    expect(killed.signal).toBe("SIGKILL");
    const resumed = await trainIn("killed", ["--resume"]);
    expect(resumed.stderr).toMatch(/continuing .* after step [23]0/);
    expect(await tensorsOf(run("killed"))).toEqual(await tensorsOf(run("whole")));
  });

  it("shows the recipe with every default in a dry run, and writes nothing", async () => {
    const { code, stdout, stderr } = await trainIn("dry", ["--dry-run", "--steps", "7"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).training).toMatchObject({
      steps: 7,
      clip: 1,
      optimizer: { betas: [0.9, 0.999] },
    });
    expect(stderr).toMatch(/[\d,]+ parameters; .*10000 images of 1×16×16/);
    expect(stderr).toMatch(/memory: about [\d.]+ MB[\s\S]*activations +[\d.]+ MB/);
    expect(stderr).toMatch(/time: about \d+ s for 7 steps[\s\S]*a step took [\d.]+ s/);
    await expect(readdir(run("dry"))).rejects.toThrow();
  });

  it("refuses to train over a run", async () => {
    const { code, stderr } = await trainIn("whole");
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected a folder without a run.*\n {2}hint: .*--resume/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
