import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { listCheckpoints, readCheckpoint, readMetrics, runFolder } from "../../src/train/index.ts";
import { pointsOf, readEvents } from "../formats/event-file.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

/** `tools/kill-storm` asks for more. */
const KILLS = Number(process.env.UNDIFFUSE_KILLS ?? 20);
const SEED = Number(process.env.UNDIFFUSE_SEED ?? 0);
const STEPS = 16;
const FOREVER = 2 ** 31 - 1;
/**
 * Kills fall between these, measured in an uninterrupted run: 0 is when the process starts, 1 when it saves
 * for the first time, 2 when it ends. Most then hit the training, and a training takes several.
 */
const [EARLIEST, LATEST] = [0.7, 1.6];

/** Everything that a run has come to and that does not hang on the clock. */
const resultOf = async (path: string): Promise<Record<string, unknown>> => {
  const folder = runFolder(path);
  const checkpoints = [
    ...(await listCheckpoints(folder.checkpoints)),
    join(folder.checkpoints, "best.safetensors"),
  ];
  const files = (await readdir(path)).filter((name) => name.includes("tfevents")).sort();
  const events = await Promise.all(files.map(async (name) => readEvents(await readFile(join(path, name)))));
  const { "train/images_per_second": _, ...points } = pointsOf(events);
  return {
    checkpoints: await Promise.all(checkpoints.map(contentOf)),
    metrics: (await readMetrics(folder)).map(({ seconds, ...line }) => line),
    previews: await Promise.all(
      (await readdir(folder.previews))
        .sort()
        .map(async (name) => [name, await readFile(join(folder.previews, name))]),
    ),
    points,
  };
};

const contentOf = async (path: string): Promise<unknown> => {
  const { header, tensors } = await readCheckpoint(path);
  return { ...header, seconds: 0, tensors: [...tensors].map(([name, { data }]) => [name, data]) };
};

/** One session of a run, killed after a while if it is not done by then. */
const session = async (recipe: string, run: string, milliseconds = FOREVER): Promise<"killed" | "done"> => {
  const resume = (await listCheckpoints(runFolder(run).checkpoints)).length > 0;
  const words = ["train", recipe, "--out", run, "--threads", "1", ...(resume ? ["--resume"] : [])];
  let timer: NodeJS.Timeout | undefined;
  const outcome = await undiffuse(words, undefined, (child) => {
    timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  clearTimeout(timer);
  if (outcome.signal === "SIGKILL") return "killed";
  expect(outcome.code, outcome.stderr).toBe(0);
  return "done";
};

/** Trains without a kill; gives the milliseconds from the start of each place of {@link EARLIEST}'s scale. */
const momentsOf = async (recipe: string, run: string): Promise<(place: number) => number> => {
  const started = performance.now();
  let first: number | undefined;
  const { code } = await undiffuse(["train", recipe, "--out", run, "--threads", "1"], (stderr) => {
    if (/^saved /m.test(stderr)) first ??= performance.now() - started;
  });
  expect(code).toBe(0);
  const [toFirst, toEnd] = [first as number, performance.now() - started];
  return (place) => (place < 1 ? place * toFirst : toFirst + (place - 1) * (toEnd - toFirst));
};

it(
  `a training killed ${KILLS} times at random moments ends as one that was left alone`,
  async () => {
    const folder = await temporaryFolder();
    const recipe = await writeTinyRecipe(folder, {
      steps: STEPS,
      checkpointEvery: 1,
      heldOutEvery: 3,
      previewEvery: 4,
    });
    const moments = await momentsOf(recipe, join(folder, "whole"));
    const whole = await resultOf(join(folder, "whole"));
    const random = new Generator(SEED);
    let [kills, runs] = [0, 0];
    while (kills < KILLS) {
      const run = join(folder, String(runs++));
      while (kills < KILLS) {
        const place = EARLIEST + (LATEST - EARLIEST) * (random.uniform([1]).data[0] as number);
        if ((await session(recipe, run, moments(place))) === "done") break;
        kills += 1;
      }
      if (!(await isDone(run))) await session(recipe, run);
      const result = await resultOf(run);
      for (const part in whole) expect(result[part], `${part} of training ${runs}`).toEqual(whole[part]);
      expect(existsSync(runFolder(run).lock)).toBe(false);
    }
    console.log(`${kills} kills in ${runs} trainings of ${STEPS} steps`);
  },
  60_000 + 10_000 * KILLS,
);

const isDone = async (run: string): Promise<boolean> => {
  const [newest] = await listCheckpoints(runFolder(run).checkpoints);
  return newest?.includes(String(STEPS).padStart(7, "0")) ?? false;
};
