import type { RecipeInput } from "../systems/index.ts";
import { adm } from "./adm.ts";
import { cascade } from "./cascade.ts";
import { digits } from "./digits.ts";
import { emoji } from "./emoji.ts";
import { images } from "./images.ts";
import { moons } from "./moons.ts";

export { adm, cascade, digits, emoji, images, moons };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = { adm, cascade, digits, emoji, images, moons };
