import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsGan } from "./digits-gan.ts";
import { digitsVae } from "./digits-vae.ts";
import { emoji } from "./emoji.ts";
import { images } from "./images.ts";
import { imagesGan } from "./images-gan.ts";
import { imagesVae } from "./images-vae.ts";
import { moons } from "./moons.ts";

export { digits, digitsGan, digitsVae, emoji, images, imagesGan, imagesVae, moons };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [digits, digitsGan, digitsVae, emoji, images, imagesGan, imagesVae, moons].map((recipe) => [
    recipe.name,
    recipe,
  ]),
);
