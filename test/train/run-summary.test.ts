import { appendFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../../src/base/index.ts";
import { findRuns, runFolder, summariseRun } from "../../src/train/index.ts";
import { temporaryFolder } from "../cli/program.ts";

interface Written {
  readonly lines: readonly object[];
  /** Steps whose checkpoints are there. */
  readonly saved?: readonly number[];
}

/** A run folder of 4 steps in batches of 8, as a training leaves it. */
const writeRun = async ({ lines, saved = [] }: Written): Promise<string> => {
  const path = join(await temporaryFolder(), "run");
  const { checkpoints, recipe, metrics } = runFolder(path);
  await mkdir(checkpoints, { recursive: true });
  await writeFile(
    recipe,
    JSON.stringify({ name: "small", system: "ddpm", training: { steps: 4, batch: 8 } }),
  );
  await writeFile(metrics, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  for (const step of saved) await writeFile(join(checkpoints, `000000${step}.safetensors`), "");
  return path;
};

const step = (n: number, seconds: number, loss: number) => ({ step: n, losses: { loss }, seconds });

describe("summariseRun", () => {
  it("gives steps, mean loss, the lowest held-out loss, speed by the median step, and time", async () => {
    const path = await writeRun({
      lines: [
        step(1, 10, 3),
        step(2, 12, 5),
        { step: 2, heldOut: { mean: 0.5 } },
        step(3, 60, Number.NaN), // a preview before it; JSON has null for NaN
        { step: 3, heldOut: { mean: 0.7 } },
        step(4, 62, 1),
      ],
      saved: [2, 4],
    });
    expect(await summariseRun(path)).toMatchObject({
      path,
      name: "small",
      system: "ddpm",
      step: 4,
      steps: 4,
      losses: { loss: 3 },
      heldOut: { loss: 0.5, step: 2 },
      imagesPerSecond: 4,
      seconds: 62,
      state: "done",
    });
  });

  it("calls a run training while it writes what it has not saved, and stopped afterwards", async () => {
    const path = await writeRun({ lines: [step(1, 1, 1), step(2, 2, 1)], saved: [1] });
    const { metrics } = runFolder(path);
    expect((await summariseRun(path)).state).toBe("training");
    await utimes(metrics, new Date(), new Date(Date.now() - 600_000));
    expect((await summariseRun(path)).state).toBe("stopped");
    const saved = await writeRun({ lines: [step(1, 1, 1), step(2, 2, 1)], saved: [2] });
    expect((await summariseRun(saved)).state).toBe("stopped");
  });

  it("has nothing to say of loss and speed before the first steps", async () => {
    expect(await summariseRun(await writeRun({ lines: [] }))).toMatchObject({
      step: 0,
      losses: {},
      heldOut: null,
      imagesPerSecond: null,
      seconds: 0,
    });
  });

  it("refuses damaged metrics by the line, but not a last line that a crash cut off", async () => {
    const path = await writeRun({ lines: [step(1, 1, 1)] });
    const { metrics } = runFolder(path);
    await appendFile(metrics, '{"step":2,"lo');
    expect((await summariseRun(path)).step).toBe(1);
    await appendFile(metrics, "\n");
    await expect(summariseRun(path)).rejects.toThrow(/metrics\.jsonl: expected metrics.* line 2/);
    await writeFile(metrics, "[]\n");
    await expect(summariseRun(path)).rejects.toThrow(FileError);
  });

  it("refuses a run whose recipe is missing or wrong", async () => {
    const path = await writeRun({ lines: [step(1, 1, 1)] });
    const { recipe } = runFolder(path);
    await writeFile(recipe, (await readFile(recipe, "utf8")).replace("ddpm", "ddpm\\"));
    await expect(summariseRun(path)).rejects.toThrow(FileError);
    await writeFile(recipe, '{"name":"small"}');
    await expect(summariseRun(path)).rejects.toThrow(ArgumentError);
    await rm(recipe);
    await expect(summariseRun(path)).rejects.toThrow(/recipe\.json.*no such file/);
  });
});

describe("findRuns", () => {
  it("finds runs at any depth, and does not look within them", async () => {
    const root = await temporaryFolder();
    for (const path of ["a", "b/c", "b/c/samples", ".hidden", "node_modules/x"]) {
      await mkdir(join(root, path), { recursive: true });
      await writeFile(join(root, path, "metrics.jsonl"), "");
    }
    await mkdir(join(root, "recipes"));
    await writeFile(join(root, "recipes", "recipe.json"), "{}");
    expect((await findRuns(root)).sort()).toEqual([join(root, "a"), join(root, "b/c")]);
    expect(await findRuns(join(root, "a"))).toEqual([join(root, "a")]);
    expect(await findRuns(join(root, "nothing"))).toEqual([]);
  });
});
