import { NonFiniteError } from "../base/index.ts";
import { writeWhole } from "../formats/index.ts";
import { Advisor } from "./advice.ts";
import type { TrainEvent } from "./events.ts";
import type { TrainJob } from "./job.ts";
import { resumeFrom } from "./resume.ts";
import { Run } from "./run.ts";
import { prepareRunFolder, runFolder, truncateMetrics } from "./run-folder.ts";

/**
 * Trains one stage in a run folder, and tells what happens. Continuing an interrupted run gives bit for
 * bit what an uninterrupted one gives.
 * @throws NonFiniteError after `maxSkips` steps in a row without a finite loss and gradient; what was
 * learned before them is saved
 */
export async function* train<S>(job: TrainJob<S>): AsyncGenerator<TrainEvent, void> {
  const { training, recipe, dataset, resume, signal } = job;
  const folder = runFolder(job.folder);
  const start = await resumeFrom(folder, { resume, recipe, fingerprint: dataset.fingerprint });
  const { checkpoint, damaged } = start;
  await prepareRunFolder(folder);
  const metrics = await truncateMetrics(folder, checkpoint?.header.step ?? 0);
  await writeWhole(folder.recipe, `${JSON.stringify(recipe, null, 2)}\n`);
  const advisor = job.stage.updates.length === 1 ? new Advisor(training, metrics) : null;
  const run = await Run.open(job, folder, start);
  const due = (every: number) => run.step % every === 0 && run.step < training.steps;
  try {
    yield { kind: "started", step: run.step, steps: training.steps, ...run.sizes, damaged };
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
    yield* run.measure();
    yield* run.preview();
    yield { kind: "finished", step: run.step, path: await run.save(), seconds: run.seconds };
  } finally {
    await run.close();
  }
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
