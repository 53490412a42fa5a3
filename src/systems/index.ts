export { adm } from "./adm.ts";
export { cascade } from "./cascade.ts";
export { ddpm } from "./ddpm.ts";
export { gan } from "./gan.ts";
export {
  parseRecipe,
  type Recipe,
  type RecipeInput,
  recipeSchema,
  samplingOf,
  stagesOf,
  systems,
  trainingOf,
} from "./recipe.ts";
export { findCheckpoint } from "./run-checkpoint.ts";
export {
  hasSampler,
  type InvertRequest,
  openTrained,
  type SampleRequest,
  type SteppingRecipe,
  type Trained,
} from "./trained.ts";
export {
  type RecipeJob,
  stageFolder,
  trainRecipe,
  type UntrainedStages,
  untrainedStages,
} from "./training.ts";
export { vae } from "./vae.ts";
