import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { host } from "#host";
import { FileError, NDArray, NonFiniteError } from "../../src/base/index.ts";
import { makeDataset, toPixels } from "../../src/data/index.ts";
import { decodeImage, imageGrid } from "../../src/formats/index.ts";
import {
  bestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  readMetrics,
  runFolder,
} from "../../src/train/index.ts";
import { eventsOf, lastOf, numbersOf, toyDataset, toyJob, toyStage } from "./toy.ts";

const lossesOf = async (folder: string) =>
  (await readMetrics(runFolder(folder))).map(({ step, losses, gradientNorm }) => ({
    step,
    losses,
    gradientNorm,
  }));

/** Trains in sessions that end after the given steps, the last one at the end; gives the final numbers. */
const trainInSessions = async (stops: readonly number[]) => {
  const first = await toyJob();
  for (const [i, stop] of [...stops, Number.POSITIVE_INFINITY].entries()) {
    const job = await toyJob({ folder: first.folder, resume: i > 0 });
    const events = await eventsOf(job, stop);
    if (Number.isFinite(stop)) expect(lastOf(events, "interrupted").step).toBe(stop);
    else
      return {
        numbers: await numbersOf(lastOf(events, "finished").path),
        losses: await lossesOf(job.folder),
      };
  }
  throw new Error("unreachable");
};

describe("train", () => {
  it("lowers the loss", async () => {
    const job = await toyJob({ training: { steps: 100 } });
    await eventsOf(job);
    const losses = (await readMetrics(runFolder(job.folder))).map(
      ({ losses }) => (losses as { loss: number }).loss,
    );
    const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    expect(mean(losses.slice(-30))).toBeLessThan(mean(losses.slice(0, 30)));
  });

  it("continues bit for bit after one stop and after two", async () => {
    const whole = await trainInSessions([]);
    expect(whole.losses).toHaveLength(12);
    expect(await trainInSessions([5])).toEqual(whole);
    expect(await trainInSessions([3, 8])).toEqual(whole);
  });

  it("gives other weights for another seed", async () => {
    const path = async (seed: number) =>
      lastOf(await eventsOf(await toyJob({ training: { seed } })), "finished").path;
    expect(await numbersOf(await path(1))).not.toEqual(await numbersOf(await path(2)));
  });

  it("takes the learning rate from the optimizer's steps, however many micro-batches each has", async () => {
    const learningRate = { peak: 0.1, warmup: 2, decay: "cosine" };
    const rates = async (accumulate: number) => {
      const job = await toyJob({ training: { steps: 6, batch: 2, accumulate, learningRate } });
      await eventsOf(job);
      return (await readMetrics(runFolder(job.folder))).map((line) => line.learningRate as number);
    };
    const plain = await rates(1);
    expect(plain).toHaveLength(6);
    expect(Math.max(...plain)).toBeCloseTo(0.1);
    expect(await rates(3)).toEqual(plain);
  });

  it("averages the gradients of micro-batches", async () => {
    const job = await toyJob({ training: { steps: 3, batch: 2, accumulate: 2 } });
    const events = await eventsOf(job);
    expect(lastOf(events, "finished").step).toBe(3);
    expect((await readMetrics(runFolder(job.folder))).length).toBe(3);
  });

  it("keeps the newest two checkpoints and the whole recipe in each", async () => {
    const job = await toyJob();
    await eventsOf(job);
    const paths = await listCheckpoints(runFolder(job.folder).checkpoints);
    expect(paths.map((path) => path.slice(-19))).toEqual(["0000012.safetensors", "0000008.safetensors"]);
    expect(JSON.parse(await readFile(runFolder(job.folder).recipe, "utf8"))).toEqual(job.recipe);
  });

  it("keeps as many of the newest as the recipe says", async () => {
    const job = await toyJob({ training: { keep: 3, checkpointEvery: 2 } });
    await eventsOf(job);
    const paths = await listCheckpoints(runFolder(job.folder).checkpoints);
    expect(paths.map((path) => path.slice(-19, -12))).toEqual(["0000012", "0000010", "0000008"]);
  });

  it("resumes a run that was saved before an option existed, at the option's default", async () => {
    const old = await toyJob();
    const { keep: _, ...training } = old.training;
    await eventsOf({ ...old, recipe: { name: "toy", training } }, 5);
    const resume = { folder: old.folder, resume: true };
    expect(lastOf(await eventsOf(await toyJob(resume)), "finished").step).toBe(12);
    const other = await toyJob({ ...resume, training: { keep: 5 } });
    const { message } = (await eventsOf(other).catch((error: unknown) => error)) as Error;
    expect(message).toMatch(/recipe\.training\.keep: 2 → 5/);
  });

  it("passes over a damaged newest checkpoint, reports it, and ends with the same weights", async () => {
    const job = await toyJob();
    const newest = lastOf(await eventsOf(job), "finished").path;
    const whole = await numbersOf(newest);
    await writeFile(newest, (await readFile(newest)).subarray(0, 1000));
    const events = await eventsOf(await toyJob({ folder: job.folder, resume: true }));
    const started = lastOf(events, "started");
    expect(started.step).toBe(8);
    expect(started.damaged.map(({ path }) => path)).toEqual([newest]);
    expect(await numbersOf(lastOf(events, "finished").path)).toEqual(whole);
  });

  it("leaves a run that is done as it is when it is resumed", async () => {
    const heldOut = [4, 4, 4];
    const training = { heldOut: 0.25, heldOutEvery: 6 };
    const job = await toyJob({ stage: toyStage({ heldOut, previews: true }), training });
    const path = lastOf(await eventsOf(job), "finished").path;
    const [metrics, numbers] = [await readMetrics(runFolder(job.folder)), await numbersOf(path)];
    const again = await eventsOf({ ...job, resume: true });
    expect(again.map(({ kind }) => kind)).toEqual(["started", "finished"]);
    expect(await readMetrics(runFolder(job.folder))).toEqual(metrics);
    expect(await numbersOf(path)).toEqual(numbers);
  });

  it("says its precision in every checkpoint, goes on in it, and refuses another", async () => {
    const job = await toyJob({ backend: "onnx" });
    await eventsOf(job, 5);
    const resumed = { ...job, resume: true };
    await expect(eventsOf({ ...resumed, precision: "bf16" })).rejects.toThrow(
      /expected fp32, in which the run started, got bf16/,
    );
    const events = await eventsOf({ ...resumed, precision: "fp32" });
    expect(lastOf(events, "started").precision).toBe("fp32");
    expect((await readCheckpoint(lastOf(events, "finished").path)).header.precision).toBe("fp32");
  });

  it.runIf(host.nativeEngine() !== null)("goes on in bf16 bit for bit, without being told", async () => {
    const whole = await toyJob({ backend: "native", precision: "bf16" });
    const end = lastOf(await eventsOf(whole), "finished").path;
    const parts = await toyJob({ backend: "native", precision: "bf16" });
    await eventsOf(parts, 5);
    const events = await eventsOf({ ...parts, precision: undefined, resume: true });
    expect(lastOf(events, "started").precision).toBe("bf16");
    expect(await numbersOf(lastOf(events, "finished").path)).toEqual(await numbersOf(end));
  });

  it("drops metrics that lie after the checkpoint it resumes from, and a line cut off by a crash", async () => {
    const job = await toyJob();
    await eventsOf(job, 5);
    const { metrics } = runFolder(job.folder);
    await writeFile(metrics, `${await readFile(metrics, "utf8")}{"step":6}\n{"step":7,"lo`);
    await eventsOf(await toyJob({ folder: job.folder, resume: true }));
    expect((await lossesOf(job.folder)).map(({ step }) => step)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
  });
});

describe("the best checkpoint", () => {
  const training = { steps: 8, checkpointEvery: 2, heldOutEvery: 2, heldOut: 0.25, keep: 1 };
  const jobWith = (heldOut: readonly number[], changes: object = {}) =>
    toyJob({ stage: toyStage({ heldOut }), training, ...changes });
  const best = async (folder: string) => {
    const { checkpoint } = await bestCheckpoint(runFolder(folder).checkpoints);
    return { step: checkpoint?.header.step, heldOut: checkpoint?.header.heldOut };
  };

  it("is that of the lowest held-out loss, whole, beside the newest", async () => {
    const job = await jobWith([4, 2, 3, 2]);
    const events = await eventsOf(job);
    expect(events.flatMap((event) => (event.kind === "heldOut" ? [event.best !== null] : []))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const { checkpoints } = runFolder(job.folder);
    expect((await readdir(checkpoints)).sort()).toEqual(["0000008.safetensors", "best.safetensors"]);
    expect(await best(job.folder)).toEqual({ step: 4, heldOut: 2 });
    const stopped = await jobWith([4, 2]);
    const atFour = lastOf(await eventsOf(stopped, 4), "interrupted").path;
    expect(await numbersOf(join(checkpoints, "best.safetensors"))).toEqual(await numbersOf(atFour));
  });

  it("is remembered by a resumed run, and the newest are as if it had not been written", async () => {
    const whole = await jobWith([4, 2, 3, 1]);
    const first = await jobWith([4, 2]);
    await eventsOf(first, 5);
    const resumed = await jobWith([3, 1], { folder: first.folder, resume: true });
    const path = lastOf(await eventsOf(resumed), "finished").path;
    expect(await best(first.folder)).toEqual({ step: 8, heldOut: 1 });
    expect(await numbersOf(path)).toEqual(await numbersOf(lastOf(await eventsOf(whole), "finished").path));
    const worse = await jobWith([9], { folder: first.folder, resume: true });
    await eventsOf(worse);
    expect(await best(first.folder)).toEqual({ step: 8, heldOut: 1 });
  });

  it("is not made of a loss that is not a number", async () => {
    const job = await jobWith([Number.NaN, 2, Number.NaN, 3]);
    await eventsOf(job);
    expect(await best(job.folder)).toEqual({ step: 4, heldOut: 2 });
  });

  it("is passed over and reported when it is damaged", async () => {
    const job = await jobWith([4, 2, 3, 3]);
    await eventsOf(job, 6);
    const path = join(runFolder(job.folder).checkpoints, "best.safetensors");
    await writeFile(path, (await readFile(path)).subarray(0, 500));
    const events = await eventsOf(await jobWith([7], { folder: job.folder, resume: true }));
    expect(lastOf(events, "started").damaged.map((error) => error.path)).toEqual([path]);
    expect(await best(job.folder)).toEqual({ step: 8, heldOut: 7 });
  });

  it("is not overwritten by a run of another recipe", async () => {
    const job = await jobWith([4, 2, 3, 3]);
    await eventsOf(job);
    await rm(join(runFolder(job.folder).checkpoints, "0000008.safetensors"));
    const other = await jobWith([1], { folder: job.folder, training: { ...training, batch: 8 } });
    await expect(eventsOf(other)).rejects.toThrow(/best\.safetensors[\s\S]*recipe\.training\.batch/);
    expect(await best(job.folder)).toEqual({ step: 4, heldOut: 2 });
  });
});

describe("train, where the loss has stopped falling,", () => {
  it("says so and writes it down, in a resumed run as in a whole one", async () => {
    const training = { steps: 700, checkpointEvery: 1000, previewEvery: 1000 };
    const advice = async (stops: readonly number[]) => {
      const { folder } = await toyJob();
      const said = [];
      for (const [i, stop] of [...stops, Number.POSITIVE_INFINITY].entries())
        for (const event of await eventsOf(await toyJob({ folder, resume: i > 0, training }), stop))
          if (event.kind === "advice") said.push(event);
      const written = (await readMetrics(runFolder(folder))).filter((line) => line.advice);
      expect(written.map(({ step }) => step)).toEqual(said.map(({ step }) => step));
      return said;
    };
    const whole = await advice([]);
    expect(whole).toHaveLength(1);
    expect(await advice([350])).toEqual(whole);
  });
});

describe("previews", () => {
  it("are made at intervals and at the end, of the moving average of the weights", async () => {
    const training = { previewEvery: 5, checkpointEvery: 5, keep: 9 };
    const job = await toyJob({ stage: toyStage({ previews: true }), training });
    const previews = (await eventsOf(job)).flatMap((event) => (event.kind === "preview" ? [event] : []));
    expect(previews.map(({ step }) => step)).toEqual([5, 10, 12]);
    const paths = (await listCheckpoints(runFolder(job.folder).checkpoints)).reverse();
    for (const [i, { path }] of previews.entries()) {
      const { "ema.net.weight": ema, "model.net.weight": model } = await numbersOf(paths[i] as string);
      const grid = (weights: readonly number[] = []) => {
        const quarters = NDArray.of(weights, [1, 1, 2, 2]).mul(0.25);
        return imageGrid(toPixels(NDArray.concat(Array(20).fill(quarters))), { columns: 5, padding: 1 });
      };
      const shown = await decodeImage(path, { size: [11, 14], channels: 1, filter: "nearest" });
      expect(shown.data).toEqual(grid(ema).data);
      expect(shown.data).not.toEqual(grid(model).data);
    }
  });
});

describe("train, where a number is not finite,", () => {
  it("skips the step, says so, and goes on", async () => {
    const job = await toyJob({ stage: toyStage({ poisoned: (draw) => draw === 4 }) });
    const events = await eventsOf(job);
    const skipped = events.filter((event) => event.kind === "skipped");
    expect(skipped.map(({ step }) => step)).toEqual([5]);
    expect(lastOf(events, "finished").step).toBe(12);
    const metrics = await readMetrics(runFolder(job.folder));
    expect(metrics.filter((line) => line.skipped).map(({ step }) => step)).toEqual([5]);
  });

  it("leaves weights, moments and average as they were", async () => {
    const poisoned = await toyJob({
      stage: toyStage({ poisoned: (draw) => draw >= 5 }),
      training: { maxSkips: 100 },
    });
    const clean = await toyJob();
    const skippedAll = await numbersOf(lastOf(await eventsOf(poisoned), "finished").path);
    const stopped = await numbersOf(lastOf(await eventsOf(clean, 5), "interrupted").path);
    expect(skippedAll).toEqual(stopped);
  });

  it("stops after several in a row with advice, and what it saves is finite", async () => {
    const job = await toyJob({
      stage: toyStage({ poisoned: (draw) => draw >= 5 }),
      training: { maxSkips: 3, checkpointEvery: 100 },
    });
    const error = await eventsOf(job).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as Error).message).toMatch(/3 times in a row[\s\S]*learningRate\.peak/);
    const [path] = await listCheckpoints(runFolder(job.folder).checkpoints);
    expect(path).toMatch(/0000008\.safetensors$/);
    expect((await numbersOf(path as string))["ema.net.weight"]?.every(Number.isFinite)).toBe(true);
  });
});

describe("train refuses", () => {
  it("a folder that holds a run, unless it resumes it", async () => {
    const job = await toyJob();
    await eventsOf(job, 5);
    await expect(eventsOf(await toyJob({ folder: job.folder }))).rejects.toThrow(/--resume/);
  });

  it("to resume where there is nothing", async () => {
    await expect(eventsOf(await toyJob({ resume: true }))).rejects.toThrow(FileError);
  });

  it("to resume with another recipe, naming what differs", async () => {
    const job = await toyJob();
    await eventsOf(job, 5);
    const other = await toyJob({ folder: job.folder, resume: true, training: { batch: 8 } });
    await expect(eventsOf(other)).rejects.toThrow(/recipe\.training\.batch: 4 → 8/);
  });

  it("to resume with other images", async () => {
    const job = await toyJob();
    await eventsOf(job, 5);
    const dataset = makeDataset({ ...toyDataset, images: toyDataset.images.rows(0, 12) });
    await expect(eventsOf(await toyJob({ folder: job.folder, resume: true, dataset }))).rejects.toThrow(
      /images/,
    );
  });

  it("what its backend cannot do, and leaves no folder of a run that never began", async () => {
    const job = await toyJob({ backend: "onnx", precision: "bf16" });
    await expect(eventsOf(job)).rejects.toThrow(/bf16/);
    expect(existsSync(job.folder)).toBe(false);
  });

  it("a folder that cannot be made", async () => {
    const file = join((await toyJob()).folder, "..", "file");
    await writeFile(file, "");
    await expect(eventsOf(await toyJob({ folder: join(file, "run") }))).rejects.toThrow(FileError);
  });
});
