import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { host } from "#host";
import { newestCheckpoint, runFolder } from "../../src/train/index.ts";
import {
  limitedUndiffuse,
  type Outcome,
  signalWhen,
  temporaryFolder,
  undiffuse,
  writeTinyRecipe,
} from "./program.ts";

const backends = ["onnx", ...(host.nativeEngine() ? ["native"] : [])];

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
    const names = (await readdir(run("whole"))).sort();
    expect(names.filter((name) => /^events\.out\.tfevents\.\d{10}\.\d{3}\./.test(name))).toHaveLength(1);
    expect(names.filter((name) => !name.startsWith("events."))).toEqual([
      "checkpoints",
      "metrics.jsonl",
      "previews",
      "recipe.json",
    ]);
    const lines = (await readFile(join(run("whole"), "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines.filter((line) => "losses" in JSON.parse(line))).toHaveLength(40);
  });

  it.each(backends)(
    "saves at Ctrl-C on %s, ends with 130, and goes on as if nothing had happened",
    async (backend) => {
      const words = ["--backend", backend];
      expect((await trainIn(`whole ${backend}`, words)).code).toBe(0);
      const name = `interrupted ${backend}`;
      const stopped = await trainIn(name, words, signalWhen(/training \d+\/40/, "SIGINT"));
      expect(stopped.stderr).toMatch(/stopped after step \d+; saved .* go on with --resume/);
      expect(stopped.code).toBe(130);
      expect((await trainIn(name, [...words, "--resume"])).code).toBe(0);
      expect(await tensorsOf(run(name))).toEqual(await tensorsOf(run(`whole ${backend}`)));
    },
  );

  it.runIf(host.nativeEngine() && process.platform === "linux").each([1, 3])(
    "--threads %i is how many the native engine has, without any of onnxruntime",
    async (threads) => {
      let names: string[] = [];
      let libraries = "";
      const words = ["--backend", "native", "--threads", String(threads)];
      const { code } = await trainIn(`threads ${threads}`, words, (stderr, child) => {
        if (names.length > 0 || !/training \d+\/40/.test(stderr)) return;
        const own = `/proc/${child.pid}`;
        names = readdirSync(`${own}/task`).map((id) => readFileSync(`${own}/task/${id}/comm`, "utf8").trim());
        libraries = readFileSync(`${own}/maps`, "utf8");
        child.kill("SIGINT");
      });
      expect(code).toBe(130);
      expect(names.filter((name) => name === "undiffuse plan")).toHaveLength(threads);
      expect(libraries).toMatch(/undiffuse\.node/);
      expect(libraries).not.toMatch(/onnxruntime/);
    },
  );

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

  it("refuses a folder in which another process trains, which goes on", async () => {
    let tries: Promise<Outcome[]> | undefined;
    // It stands still while the others try, so that it is no race.
    const first = await trainIn("shared", [], (stderr, child) => {
      if (tries || !/saved .*0000010/.test(stderr)) return;
      child.kill("SIGSTOP");
      tries = Promise.all([trainIn("shared"), trainIn("shared", ["--resume"])]);
      tries.finally(() => child.kill("SIGCONT"));
    });
    expect(first.code).toBe(0);
    const refused = (await tries) as Outcome[];
    for (const { code, stderr } of refused) {
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /expected a folder that no other training uses, got process \d+ on .*\n {2}hint: /,
      );
    }
    expect(refused).toHaveLength(2);
    expect(await tensorsOf(run("shared"))).toEqual(await tensorsOf(run("whole")));
  });

  it.skipIf(process.platform === "win32")(
    "ends with what is wrong when a checkpoint cannot be written",
    async () => {
      await trainIn("full", [], signalWhen(/saved .*0000010/, "SIGKILL"));
      const before = await readdir(join(run("full"), "checkpoints"));
      const limited = await limitedUndiffuse(64, ["train", recipe, "--out", run("full"), "--resume"]);
      expect(limited.code).toBe(1);
      expect(limited.stderr).toMatch(/safetensors: expected to write \d+ bytes, got .*\(EFBIG\)/);
      expect(limited.stderr).not.toMatch(/\n\s+at /);
      expect(await readdir(join(run("full"), "checkpoints"))).toEqual(before);
      expect((await trainIn("full", ["--resume"])).code).toBe(0);
      expect(await tensorsOf(run("full"))).toEqual(await tensorsOf(run("whole")));
    },
  );

  it.each(backends)("shows where the time of a step on %s goes, and writes nothing", async (backend) => {
    const { code, stdout } = await trainIn("profiled", ["--profile", "--backend", backend]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^operation +ms a step +share +calls +GFLOP\/s\n/);
    expect(stdout).toMatch(/^(Conv|conv2d) +[\d.]+ +[\d.]+% +\d+ +[\d.]+$/m);
    expect(stdout).toMatch(/^(Sub|sub) +[\d.]+ +[\d.]+% +\d+$/m);
    expect(stdout).toMatch(/^batch, copies and optimizer +[\d.]+ +[\d.]+%\ntotal, .* 100\.0%\n$/m);
    await expect(readdir(run("profiled"))).rejects.toThrow();
  });

  it("refuses a file for a folder", async () => {
    for (const words of [[], ["--resume"]]) {
      const { code, stderr } = await undiffuse(["train", recipe, "--out", recipe, ...words]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/tiny\.json: expected a (folder to write to|run to resume), got /);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    expect(JSON.parse(await readFile(recipe, "utf8")).name).toBe("tiny");
  });

  it("refuses to train over a run", async () => {
    const { code, stderr } = await trainIn("whole");
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected a folder without a run.*\n {2}hint: .*--resume/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
