export { type AncestralOptions, ancestral, type MeanGuidance } from "./ancestral.ts";
export {
  type OpenedSampler,
  openSampler,
  type SamplerKind,
  type SamplerSpec,
  samplerKinds,
  samplerSchema,
  samplerSummaries,
} from "./catalogue.ts";
export { type ChurnOptions, edmChurn } from "./churn.ts";
export { type DdimOptions, ddim, ddimInversion, strided } from "./ddim.ts";
export { deis } from "./deis.ts";
export { type DpmOptions, dpmMultistep, type SolverType } from "./dpm-multistep.ts";
export { type DpmSdeOptions, dpmSde } from "./dpm-sde.ts";
export { dpmSinglestep } from "./dpm-singlestep.ts";
export { type Churn, type Projection, type SampleFrame, type SampleOptions, sample } from "./driver.ts";
export { beginOfStrength, blended, keepKnown, type RepaintOptions, repaintPath } from "./editing.ts";
export { euler, type FrameOptions } from "./euler.ts";
export { type EulerAncestralOptions, eulerAncestral } from "./euler-ancestral.ts";
export { type AlgorithmName, algorithms } from "./exponential.ts";
export { along, type Frame, type FrameName, frames, slope } from "./frame.ts";
export { heun } from "./heun.ts";
export { lerp, slerp } from "./interpolation.ts";
export { type Kdpm2Options, kdpm2 } from "./kdpm2.ts";
export { type LangevinOptions, langevin, langevinStep, scoreOf } from "./langevin.ts";
export { boundary, type LcmOptions, lcm } from "./lcm.ts";
export { type LmsOptions, lms } from "./lms.ts";
export { initialNoise, stepNoise } from "./noise.ts";
export { inversionPath, type PathOptions, pathOf } from "./path.ts";
export { type PndmOptions, pndm } from "./pndm.ts";
export {
  type CorrectorOptions,
  corrected,
  type PredictorName,
  predictorCorrector,
} from "./predictor-corrector.ts";
export { type ReverseChainOptions, reverseChain } from "./reverse-chain.ts";
export { rk45 } from "./rk45.ts";
export { plainSampler, type Sampler, type StepArguments, type StepResult } from "./sampler.ts";
export { readScheduler, type Scheduler, writeScheduler } from "./scheduler-config.ts";
export { initialDeviation } from "./scheduler-start.ts";
export { type SigmaSpacing, sigmaSpacingNames, spacedSigmas } from "./sigma-spacing.ts";
export { type Grid, type Spacing, type SpacingOptions, spacedTimesteps, spacingNames } from "./spacing.ts";
export { type Begin, type Begun, begin, type Start } from "./start.ts";
export { type TcdOptions, tcd } from "./tcd.ts";
export { type UniPcOptions, uniPc } from "./unipc.ts";
