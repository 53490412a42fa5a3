import { workingBytes } from "../lower/index.ts";
import { DropoutMasks } from "../nn/index.ts";
import { slotNames } from "../optim/index.ts";
import { trainTarget } from "../runtime/index.ts";
import type { TrainJob } from "./job.ts";
import type { TrainingOptions } from "./options.ts";
import { parameterCount, traceUpdate } from "./program.ts";
import { freshStart } from "./resume.ts";
import { Run } from "./run.ts";
import { runFolder } from "./run-folder.ts";
import type { Stage } from "./system.ts";

/** Bytes that a training needs, by what they hold. */
export interface MemoryForecast {
  /** The initial values, and those in training. */
  readonly parameters: number;
  readonly movingAverage: number;
  /** The optimizer's buffers. */
  readonly moments: number;
  /** Those of a micro-batch, and their sum. */
  readonly gradients: number;
  /** What the steps compute on the way: every tensor at once for onnxruntime, which reuses some. */
  readonly activations: number;
  readonly images: number;
}

/**
 * What a training needs beside the program itself, read off its graphs. Held-out measurements, previews and the
 * runtime's scratch space are not counted. Measured with the digits recipe, onnxruntime on two cores:
 * the process grew by 323, 988 and 1807 MB at batches of 32, 128 and 256, where this gives 266, 1003 and 1986.
 */
export const forecastMemory = async <S>(job: TrainJob<S>): Promise<MemoryForecast> => {
  const { stage, training, dataset } = job;
  const target = await trainTarget(job.backend, job.precision);
  const floats = 4 * parameterCount(stage.networks);
  const traced = stage.updates.map((update) =>
    traceUpdate(update, {
      networks: stage.networks,
      batch: training.batch,
      dropout: new DropoutMasks(),
    }),
  );
  return {
    parameters: 2 * floats,
    movingAverage: floats,
    moments: slotsOf(stage, training).size * floats,
    gradients: 2 * floats,
    activations: traced.reduce((sum, graph) => sum + workingBytes(graph, target), 0),
    images: dataset.images.data.byteLength + (dataset.uncropped?.data.byteLength ?? 0),
  };
};

/** The buffers that the optimizers of all updates keep. */
const slotsOf = ({ updates }: Pick<Stage, "updates">, training: TrainingOptions): Set<string> =>
  new Set(updates.flatMap(({ optimizer = training.optimizer }) => slotNames(optimizer)));

/** Seconds of a training step: the second of two that are really made, and then forgotten; writes nothing. */
export const timeStep = async <S>(job: TrainJob<S>): Promise<number> => {
  const run = await Run.open(job, { folder: runFolder(job.folder), start: freshStart });
  try {
    await run.tryStep(); // the first also reserves memory
    const before = performance.now();
    await run.tryStep();
    return (performance.now() - before) / 1000;
  } finally {
    await run.discard();
  }
};
