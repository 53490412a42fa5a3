import { statSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { FileError, NonFiniteError } from "../base/index.ts";
import { makeFolder, writeWhole } from "../formats/index.ts";
import { Advisor } from "./advice.ts";
import { EventLog } from "./event-log.ts";
import type { TrainEvent } from "./events.ts";
import type { TrainJob } from "./job.ts";
import { lockRunFolder } from "./lock.ts";
import { resumeFrom } from "./resume.ts";
import { Run } from "./run.ts";
import { prepareRunFolder, type RunFolder, runFolder, truncateMetrics } from "./run-folder.ts";

/**
 * Trains one stage in a run folder, and tells what happens. Continuing an interrupted run gives bit for
 * bit what an uninterrupted one gives.
 * @throws NonFiniteError after `maxSkips` steps in a row without a finite loss and gradient; what was
 * learned before them is saved
 * @throws FileError when another training uses the folder, or something cannot be written
 */
export async function* train<S>(job: TrainJob<S>): AsyncGenerator<TrainEvent, void> {
  const folder = runFolder(job.folder);
  if (!job.resume) await makeFolder(folder.path);
  else if (!statSync(folder.path, { throwIfNoEntry: false })?.isDirectory())
    throw new FileError(folder.path, {
      expected: "a run to resume",
      got: "no folder",
      hint: "to start one, leave --resume out",
    });
  const unlock = await lockRunFolder(folder);
  try {
    yield* trainIn(folder, job);
  } finally {
    await unlock();
    // Of a training that was refused before it began nothing stays.
    await rmdir(folder.path).catch(() => undefined);
  }
}

/** Trains in a folder that is this process's own. */
async function* trainIn<S>(folder: RunFolder, job: TrainJob<S>): AsyncGenerator<TrainEvent, void> {
  const { training, recipe, dataset, resume, precision } = job;
  const { fingerprint, classes } = dataset;
  const start = await resumeFrom(folder, { resume, recipe, fingerprint, classes, precision });
  const step = start.checkpoint?.header.step ?? 0;
  const run = await Run.open(job, { folder, start });
  try {
    await prepareRunFolder(folder);
    const metrics = await truncateMetrics(folder, step);
    await writeWhole(folder.recipe, `${JSON.stringify(recipe, null, 2)}\n`);
    const log = await EventLog.open(folder, step);
    const advisor = job.stage.updates.length === 1 ? new Advisor(training, metrics) : null;
    const { steps } = training;
    yield {
      kind: "started",
      stage: job.stage.name,
      folder: folder.path,
      ...{ step, steps },
      ...run.facts,
      damaged: start.damaged,
    };
    for await (const event of walk(job, run, advisor)) {
      await log.write(event);
      yield event;
    }
  } finally {
    await run.close();
  }
}

/** The loop: steps, and what is due after them. */
async function* walk<S>(
  { training, signal }: TrainJob<S>,
  run: Run<S>,
  advisor: Advisor | null,
): AsyncGenerator<TrainEvent, void> {
  const due = (every: number) => run.step % every === 0 && run.step < training.steps;
  const wasDone = run.step >= training.steps;
  let skipsInRow = 0;
  while (run.step < training.steps) {
    if (signal?.aborted) {
      yield { kind: "interrupted", step: run.step, path: await run.save() };
      return;
    }
    const event = await run.advance();
    skipsInRow = event.kind === "skipped" ? skipsInRow + 1 : 0;
    yield event;
    if (advisor && event.kind === "step") yield* advise(run, advisor, event);
    if (skipsInRow >= training.maxSkips) throw await diverged(run, skipsInRow);
    if (due(training.heldOutEvery)) yield* run.measure();
    if (due(training.previewEvery)) yield* run.preview();
    if (due(training.checkpointEvery)) yield { kind: "checkpoint", step: run.step, path: await run.save() };
  }
  if (!wasDone) {
    yield* run.measure();
    yield* run.preview();
  }
  yield { kind: "finished", step: run.step, path: await run.save(), seconds: run.seconds };
}

async function* advise(
  run: Pick<Run<unknown>, "record">,
  advisor: Advisor,
  { step, losses }: Extract<TrainEvent, { kind: "step" }>,
): AsyncGenerator<TrainEvent, void> {
  const [loss = Number.NaN] = Object.values(losses);
  const advice = advisor.see(step, loss);
  if (!advice) return;
  await run.record({ step, advice });
  yield { kind: "advice", step, ...advice };
}

const diverged = async (run: Pick<Run<unknown>, "step" | "save">, skips: number): Promise<NonFiniteError> => {
  const path = await run.save();
  return new NonFiniteError({
    who: `training step ${run.step}`,
    expected: "a finite loss and gradient",
    got: `NaN or infinity ${skips} times in a row`,
    hint: `lower learningRate.peak, or lengthen its warm-up; what was learned before is in ${path}`,
  });
};
