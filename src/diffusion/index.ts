export { type Clipping, clipped, type Denoised, type Denoiser, epsDenoiser } from "./denoiser.ts";
export { type Coefficients, qSample, qStep } from "./forward.ts";
export { classifierFree, guide } from "./guidance.ts";
export { simpleLoss } from "./objective.ts";
export { epsToX0, x0ToEps } from "./parameterisation.ts";
export {
  posterior,
  posteriorVariance,
  type ReverseVariance,
  reverseVariances,
  stepVariance,
} from "./posterior.ts";
export { type DiffusionProcess, diffusionProcess, type Level } from "./process.ts";
export {
  alphaBars,
  type BetaOptions,
  type BetaSchedule,
  betaSchedules,
  betasOf,
  type Schedule,
  scheduleSchema,
} from "./schedule.ts";
