export { ddpm } from "./ddpm.ts";
export {
  parseRecipe,
  type Recipe,
  type RecipeInput,
  recipeSchema,
  samplingOf,
  stagesOf,
  systems,
} from "./recipe.ts";
export { type InvertRequest, openTrained, type SampleRequest, type Trained } from "./trained.ts";
