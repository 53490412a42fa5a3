export { type BitsOptions, bitsByElbo, bitsByOde } from "./bits.ts";
export { type Estimate, meanEstimate, quantile } from "./bootstrap.ts";
export { type AboutClassifier, networkOf, writeClassifier } from "./classifier-file.ts";
export {
  type ClassifierTraining,
  classifierTrainingSchema,
  type TrainClassifierOptions,
  type TrainedClassifier,
  trainClassifier,
} from "./classifier-training.ts";
export { energyDistance } from "./energy-distance.ts";
export {
  type Evaluation,
  type EvaluationInput,
  type EvaluationOptions,
  evaluate,
  type NearestBy,
} from "./evaluate.ts";
export {
  type ClassRead,
  type Comparison,
  compareSamples,
  type FeatureReference,
  featureReference,
} from "./feature-comparison.ts";
export type { FeatureFigures } from "./feature-figures.ts";
export type {
  Extracted,
  ExtractOptions,
  FeatureNetwork,
  NetworkFacts,
  NetworkOptions,
} from "./feature-network.ts";
export { psnr, ssim } from "./fidelity.ts";
export type { Figure } from "./figures.ts";
export { frechetDistance, frechetFrom, type Gaussian, gaussianOf } from "./frechet.ts";
export { kernelDistance } from "./kernel-distance.ts";
export {
  type ClassRecall,
  type Manifold,
  type ManifoldOptions,
  manifold,
  NEIGHBOURS,
  recallByClass,
  tailRecall,
} from "./manifold.ts";
export { type Memorisation, memorisation } from "./memorisation.ts";
export type { Copies } from "./nearest-figures.ts";
export { type Nearest, nearestRows } from "./neighbours.ts";
export { openFeatureNetwork } from "./open-network.ts";
export { type ReportInput, reportPage, showFigure, showNumber } from "./report.ts";
export { randomDirections, slicedWasserstein } from "./sliced-wasserstein.ts";
export { type FlowState, straightness } from "./straightness.ts";
