export { adm } from "./adm.ts";
export { cascade } from "./cascade.ts";
export { ddgan } from "./ddgan.ts";
export { ddpm } from "./ddpm.ts";
export { type DiffusersExport, diffusersExport } from "./diffusers-export.ts";
export { type DiffusersNotes, diffusersNotesSchema, NOTES } from "./diffusers-notes.ts";
export { edm } from "./edm.ts";
export { gan } from "./gan.ts";
export { type ConditionedNetwork, type GuidedSampling, guidedDenoiser } from "./guided-sampling.ts";
export { iddpm } from "./iddpm.ts";
export type { LearnedChain } from "./learned-chain.ts";
export { ncsn } from "./ncsn.ts";
export { nonequilibrium, nonequilibriumChain } from "./nonequilibrium.ts";
export { type OnnxOptions, onnxExport } from "./onnx-export.ts";
export { packagedModels } from "./packaged.ts";
export {
  parseRecipe,
  type Recipe,
  type RecipeInput,
  recipeSchema,
  samplingOf,
  stagesOf,
  systems,
  trainingOf,
  unguided,
} from "./recipe.ts";
export { rectifiedFlow } from "./rectified-flow.ts";
export { findCheckpoint, shapeOf } from "./run-checkpoint.ts";
export { scoreSde } from "./score-sde.ts";
export {
  hasSampler,
  type InvertRequest,
  openTrained,
  type SampleRequest,
  type SteppingRecipe,
  type Trained,
} from "./trained.ts";
export { readTrainedStage, type TrainedStage } from "./trained-stage.ts";
export {
  type RecipeJob,
  stageFolder,
  trainRecipe,
  type UntrainedStages,
  untrainedStages,
} from "./training.ts";
export { vae } from "./vae.ts";
