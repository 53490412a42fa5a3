export { type AncestralOptions, ancestral } from "./ancestral.ts";
export {
  type OpenedSampler,
  openSampler,
  type SamplerKind,
  type SamplerSpec,
  samplerKinds,
  samplerSchema,
} from "./catalogue.ts";
export { type DdimOptions, ddim, ddimInversion } from "./ddim.ts";
export { type Churn, type Projection, type SampleFrame, type SampleOptions, sample } from "./driver.ts";
export { euler, type FrameOptions } from "./euler.ts";
export { along, type Frame, type FrameName, frames, slope } from "./frame.ts";
export { initialNoise, stepNoise } from "./noise.ts";
export { inversionPath, type PathOptions, pathOf } from "./path.ts";
export { plainSampler, type Sampler, type StepArguments, type StepResult } from "./sampler.ts";
export { readScheduler, type Scheduler, writeScheduler } from "./scheduler-config.ts";
export { type SigmaSpacing, sigmaSpacingNames, spacedSigmas } from "./sigma-spacing.ts";
export { type Grid, type Spacing, type SpacingOptions, spacedTimesteps, spacingNames } from "./spacing.ts";
