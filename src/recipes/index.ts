import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsDdgan } from "./digits-ddgan.ts";
import { eightGaussiansDdgan } from "./eight-gaussians-ddgan.ts";
import { emoji } from "./emoji.ts";
import { heartbeat } from "./heartbeat.ts";
import { images } from "./images.ts";
import { moons } from "./moons.ts";
import { swissRoll } from "./swiss-roll.ts";

export { digits, digitsDdgan, eightGaussiansDdgan, emoji, heartbeat, images, moons, swissRoll };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = {
  digits,
  "digits-ddgan": digitsDdgan,
  "eight-gaussians-ddgan": eightGaussiansDdgan,
  emoji,
  heartbeat,
  images,
  moons,
  "swiss-roll": swissRoll,
};
