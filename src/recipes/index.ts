import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { emoji } from "./emoji.ts";
import { images } from "./images.ts";
import { moons } from "./moons.ts";

export { digits, emoji, images, moons };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = { digits, emoji, images, moons };
