export { type Augment, type Augmentation, augmentations } from "./augmentation.ts";
export {
  type BinomialLevel,
  type BinomialProcess,
  bernoulliKl,
  binomialProcess,
  bitPosterior,
  bitRate,
} from "./binomial.ts";
export { binomialKernel } from "./binomial-kernel.ts";
export { type ChainBound, chainBound, type KernelNetwork } from "./chain-bound.ts";
export { discretisedLogLikelihood } from "./decoder.ts";
export {
  type Clipping,
  clipped,
  type Denoised,
  type Denoiser,
  epsOf,
  type Network,
  type NetworkOptions,
  type NetworkPullback,
  networkDenoiser,
  withX0,
} from "./denoiser.ts";
export { type Elbo, type ElboOptions, elbo, hierarchicalElbo } from "./elbo.ts";
export { type Coefficients, qBetween, qSample, qStep } from "./forward.ts";
export { gaussianKernel } from "./gaussian-kernel.ts";
export { type Component, type GaussianMixture, gaussianMixture } from "./gaussian-mixture.ts";
export {
  type ClassifierGradient,
  classifierFree,
  classifierGuided,
  type Guidable,
  type Guidance,
  guide,
  guided,
  guideOutputs,
} from "./guidance.ts";
export {
  asPixelBits,
  dequantised,
  type Likelihood,
  type LikelihoodOptions,
  likelihood,
} from "./likelihood.ts";
export { type ContinuousProcess, noiseProcesses } from "./noise-processes.ts";
export { logitNormalTimes, logNormalSigmas } from "./noise-sampling.ts";
export { discretisedLog, normalKl, normalLog, normalMass } from "./normal.ts";
export {
  edmLoss,
  flowMatchingLoss,
  hybridLoss,
  predictionTarget,
  scoreMatchingLoss,
  simpleLoss,
  slicedScoreMatchingLoss,
  squaredError,
  type VlbCoefficients,
  vlbCoefficients,
  vlbLoss,
} from "./objective.ts";
export {
  conversion,
  convertPrediction,
  edmInputScale,
  edmPrediction,
  epsRecovery,
  epsToX0,
  type Mixture,
  type Prediction,
  predictionNames,
  predictions,
  type Recovery,
  x0Recovery,
  x0ToEps,
} from "./parameterisation.ts";
export {
  chainVarianceRange,
  type PosteriorFactors,
  posterior,
  posteriorFactors,
  posteriorVariance,
  type ReverseVariance,
  reverseVariance,
  reverseVariances,
  stepVariance,
  type VarianceRange,
  varianceInRange,
} from "./posterior.ts";
export {
  CLEAN,
  type DiffusionProcess,
  diffusionProcess,
  isDiscrete,
  type Level,
  lambdaOf,
  type NoiseProcess,
  noiseToSignal,
  type ProcessOptions,
} from "./process.ts";
export { type RespacedProcess, respaced } from "./respacing.ts";
export {
  factorsAt,
  type KernelFactors,
  type KernelParts,
  type ReverseKernel,
  saidIn,
} from "./reverse-kernel.ts";
export { type Derivative, rungeKutta45, type Tolerances } from "./runge-kutta.ts";
export {
  alphaBars,
  type BetaOptions,
  type BetaSchedule,
  betaSchedules,
  betasOf,
  type Schedule,
  scheduleSchema,
  vpBetas,
} from "./schedule.ts";
export { type Thresholding, thresholded } from "./thresholding.ts";
export {
  drawTimesteps,
  emptyHistory,
  type LossHistory,
  REMEMBERED,
  remember,
  timestepProbabilities,
  type WeightedTimestep,
} from "./timestep-sampler.ts";
export {
  edmWeight,
  likelihoodWeight,
  likelihoodWeighting,
  minSnr,
  p2,
  type Weighting,
  weightingFor,
  weightings,
} from "./weighting.ts";
