export { emaDecay } from "./ema.ts";
export { EngineMemory } from "./engine-memory.ts";
export { type FlatLayout, flatLayout, packed, viewsOf } from "./flat-layout.ts";
export type { FlatMemory, KernelName } from "./flat-memory.ts";
export { clipFactor, sumOfSquares } from "./gradient-norm.ts";
export {
  Learner,
  type LearnerInit,
  type LearnerState,
  openLearner,
  type StepRequest,
  type StepResult,
  type UpdateSpec,
} from "./learner.ts";
export { type LearningRateSpec, learningRateAt, learningRateSchema } from "./learning-rate.ts";
export { applyUpdate, type OptimizerSpec, optimizerSchema, slotNames, type Update } from "./update-rule.ts";
export { WasmMemory } from "./wasm-memory.ts";
