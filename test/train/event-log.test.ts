import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeEvent, encodeEventVersion } from "../../src/formats/index.ts";
import { type Metrics, readMetrics, runFolder } from "../../src/train/index.ts";
import { pointsOf, type ReadEvent, readEvents } from "../formats/event-file.ts";
import { eventsOf, lastOf, toyJob, toyStage } from "./toy.ts";

const eventFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder))
    .filter((name) => name.includes("tfevents"))
    .sort()
    .map((name) => join(folder, name));

const eventsIn = async (folder: string): Promise<ReadEvent[][]> =>
  Promise.all((await eventFiles(folder)).map(async (path) => readEvents(await readFile(path))));

const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("the event file of a run", () => {
  it("has the figures of every step, as the metrics have them", async () => {
    const job = await toyJob();
    await eventsOf(job);
    const [file, ...others] = await eventsIn(job.folder);
    expect(others).toEqual([]);
    expect(file?.[0]?.version).toBe("brain.Event:2");
    const points = pointsOf([file ?? []]);
    expect(Object.keys(points).sort()).toEqual([
      "train/gradient_norm",
      "train/images_per_second",
      "train/learning_rate",
      "train/loss",
    ]);
    const metrics = await readMetrics(runFolder(job.folder));
    const written = (figure: (line: Metrics) => unknown) =>
      metrics.map((line) => [line.step, Math.fround(figure(line) as number)]);
    expect(points["train/loss"]).toEqual(written(({ losses }) => (losses as { loss: number }).loss));
    expect(points["train/gradient_norm"]).toEqual(written(({ gradientNorm }) => gradientNorm));
    expect(points["train/learning_rate"]).toEqual(written(({ learningRate }) => learningRate));
  });

  it("has the held-out loss, its mean and by point, without what is not a number", async () => {
    const stage = toyStage({ heldOut: [4, Number.NaN, 2] });
    const job = await toyJob({ stage, training: { heldOut: 0.25, heldOutEvery: 4 } });
    await eventsOf(job);
    const points = pointsOf(await eventsIn(job.folder));
    for (const tag of ["held_out/mean", "held_out/at_0"])
      expect(points[tag]).toEqual([
        [4, 4],
        [12, 2],
      ]);
  });

  it("has the previews, byte for byte", async () => {
    const job = await toyJob({ stage: toyStage({ previews: true }), training: { previewEvery: 5 } });
    const paths = (await eventsOf(job)).flatMap((event) => (event.kind === "preview" ? [event.path] : []));
    const images = (await eventsIn(job.folder)).flat().flatMap(({ images }) => Object.values(images));
    expect(images.map(({ png }) => Buffer.from(png))).toEqual(
      await Promise.all(paths.map((path) => readFile(path))),
    );
    expect(paths).toHaveLength(3);
  });

  it("says nothing of a skipped step", async () => {
    const job = await toyJob({ stage: toyStage({ poisoned: (draw) => draw === 4 }) });
    await eventsOf(job);
    const steps = pointsOf(await eventsIn(job.folder))["train/loss"]?.map(([step]) => step);
    expect(steps).toEqual(oneTo(12).filter((step) => step !== 5));
  });

  it("is followed by one of the next session; steps made again count once, a torn record does no harm", async () => {
    const whole = await toyJob();
    await eventsOf(whole);
    const job = await toyJob();
    await eventsOf(job, 5);
    const [first] = await eventFiles(job.folder);
    // What a session leaves that was killed in step 8, when the newest checkpoint is of step 5.
    await appendFile(first as string, laterEvents());
    const started = lastOf(await eventsOf(await toyJob({ folder: job.folder, resume: true })), "started");
    expect(started.step).toBe(5);
    const files = await eventsIn(job.folder);
    expect(files.map((events) => events.filter(({ starts }) => starts).map(({ step }) => step))).toEqual([
      [1],
      [6],
    ]);
    const [mine, expected] = [pointsOf(files), pointsOf(await eventsIn(whole.folder))];
    for (const tag of ["train/loss", "train/gradient_norm", "train/learning_rate"])
      expect(mine[tag]).toEqual(expected[tag]);
  });
  it("counts nothing of a session that was killed before its first checkpoint", async () => {
    const job = await toyJob();
    await mkdir(job.folder, { recursive: true });
    const file = join(job.folder, "events.out.tfevents.0.earlier.1");
    await writeFile(file, Buffer.concat([encodeEventVersion(0), laterEvents()]));
    await eventsOf(job);
    const steps = pointsOf(await eventsIn(job.folder))["train/loss"]?.map(([step]) => step);
    expect(steps).toEqual(oneTo(12));
  });
});

/** The records of steps 6 to 8, the last cut short. */
const laterEvents = (): Buffer =>
  Buffer.concat([6, 7, 8].map((step) => encodeEvent({ step, scalars: { "train/loss": 9 } }, 0))).subarray(
    0,
    -5,
  );
