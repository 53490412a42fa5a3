export {
  bestCheckpoint,
  type Checkpoint,
  type CheckpointHeader,
  listCheckpoints,
  newestCheckpoint,
  packCheckpoint,
  readCheckpoint,
  requireCheckpoint,
  weightsOf,
} from "./checkpoint.ts";
export type { HeldOutResult, TrainEvent } from "./events.ts";
export { forecastMemory, type MemoryForecast, timeStep } from "./forecast.ts";
export type { TrainJob } from "./job.ts";
export {
  averagedWeights,
  earlierOf,
  finishedCheckpoint,
  initialWeights,
  isTrained,
  type OpenStage,
  openStage,
} from "./open-stage.ts";
export { stageTraining, stageTrainingSchema, type TrainingOptions, trainingSchema } from "./options.ts";
export { type OperationTime, profileSteps, type StepProfile } from "./profile.ts";
export {
  type EvaluateOptions,
  type Networks,
  openEvaluate,
  parameterCount,
  parametersOf,
} from "./program.ts";
export { type Metrics, type RunFolder, readMetrics, runFolder } from "./run-folder.ts";
export { findRuns, type RunSummary, recentLosses, summariseRun } from "./run-summary.ts";
export * from "./system.ts";
export { train } from "./trainer.ts";
