import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { edmDigits, edmPoints } from "./edm.ts";
import { emoji } from "./emoji.ts";
import { iddpmBoundDigits, iddpmDigits } from "./iddpm.ts";
import { images } from "./images.ts";
import { moons } from "./moons.ts";
import { ncsnDigits, ncsnPoints } from "./ncsn.ts";
import { rectifiedFlowDigits, rectifiedFlowPoints } from "./rectified-flow.ts";
import { subVpPoints, vePoints, vpDigits, vpPoints } from "./score-sde.ts";

export { fullRecipes } from "./full/index.ts";
export {
  digits,
  edmDigits,
  edmPoints,
  emoji,
  iddpmBoundDigits,
  iddpmDigits,
  images,
  moons,
  ncsnDigits,
  ncsnPoints,
  rectifiedFlowDigits,
  rectifiedFlowPoints,
  subVpPoints,
  vePoints,
  vpDigits,
  vpPoints,
};

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [
    digits,
    emoji,
    images,
    moons,
    edmPoints,
    edmDigits,
    rectifiedFlowPoints,
    rectifiedFlowDigits,
    vpPoints,
    subVpPoints,
    vePoints,
    vpDigits,
    ncsnPoints,
    ncsnDigits,
    iddpmDigits,
    iddpmBoundDigits,
  ].map((recipe) => [recipe.name, recipe]),
);
