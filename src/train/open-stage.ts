import { FileError, type NDArray } from "../base/index.ts";
import { type Checkpoint, newestCheckpoint, requireCheckpoint, weightsOf } from "./checkpoint.ts";
import { buffersOf, type EvaluateOptions, openEvaluate, parametersOf, valuesOf } from "./program.ts";
import { requireSame, type Wanted } from "./resume.ts";
import { runFolder } from "./run-folder.ts";
import type { Earlier, EarlierStage, Evaluate, Stage } from "./system.ts";

/** A stage whose weights no longer change. Close it when done. */
export interface OpenStage extends EarlierStage {
  readonly stage: Stage;
  readonly evaluate: Evaluate;
  close(): Promise<void>;
}

interface OpenOptions extends EvaluateOptions {
  readonly earlier?: Earlier;
  /** Told of each evaluation. */
  readonly onEvaluation?: (() => void) | undefined;
}

/** A stage with these weights, of all its parameters and buffers by `<network>.<name>`. */
export const openStage = (
  stage: Stage,
  weights: ReadonlyMap<string, NDArray>,
  { earlier = {}, onEvaluation, ...options }: OpenOptions = {},
): OpenStage => {
  const { evaluate: run, close } = openEvaluate(stage.networks, weights, options);
  const evaluate: Evaluate = (program, feeds) => {
    onEvaluation?.();
    return run(program, feeds);
  };
  return { stage, evaluate, close, generate: (request) => stage.generate(request, evaluate, earlier) };
};

/** The averaged weights of a checkpoint, and its buffers. */
export const averagedWeights = (checkpoint: Checkpoint): Map<string, NDArray> =>
  new Map([...weightsOf(checkpoint, "ema"), ...weightsOf(checkpoint, "buffer")]);

/** The weights that a stage begins with. */
export const initialWeights = ({ networks }: Stage): Map<string, NDArray> =>
  new Map([...valuesOf(parametersOf(networks)), ...valuesOf(buffersOf(networks))]);

/** Stages as those after them see them. */
export const earlierOf = (stages: readonly OpenStage[]): Earlier =>
  Object.fromEntries(stages.map((open) => [open.stage.name, open]));

/** Whether the newest checkpoint of a folder is that of its last step. */
export const isTrained = async (folder: string, steps: number): Promise<boolean> =>
  ((await newestCheckpoint(runFolder(folder).checkpoints)).checkpoint?.header.step ?? 0) >= steps;

/**
 * The last checkpoint of a stage that later ones build on.
 * @throws FileError when there is none, or it is of a step before the last, of another recipe or of other data
 */
export const finishedCheckpoint = async (
  folder: string,
  { stage, steps, ...wanted }: Wanted & { readonly stage: string; readonly steps: number },
): Promise<Checkpoint> => {
  const hint = `the stages after "${stage}" need it: train it to its end with --resume`;
  const { checkpoint } = await requireCheckpoint(runFolder(folder), hint);
  const { step } = checkpoint.header;
  if (step < steps)
    throw new FileError(folder, {
      expected: `stage "${stage}" after its last step, ${steps}`,
      got: `step ${step}`,
      hint,
    });
  requireSame(checkpoint, wanted);
  return checkpoint;
};
