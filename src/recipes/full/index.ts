import type { RecipeInput } from "../../systems/index.ts";
import { edmFull } from "./edm.ts";
import { iddpmFull } from "./iddpm.ts";
import { ncsnFull } from "./ncsn.ts";
import { rectifiedFlowFull } from "./rectified-flow.ts";
import { subVpFull, veFull } from "./score-sde.ts";

/** Recipes of the papers' own sizes, by name: days on many GPUs, and here a proof that they build and step. */
export const fullRecipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [iddpmFull, ncsnFull, veFull, subVpFull, edmFull, rectifiedFlowFull].map((recipe) => [recipe.name, recipe]),
);
