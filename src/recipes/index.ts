import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsAdm } from "./digits-adm.ts";
import { digitsCascade } from "./digits-cascade.ts";
import { digitsGan } from "./digits-gan.ts";
import { digitsVae } from "./digits-vae.ts";
import { emoji } from "./emoji.ts";
import { images } from "./images.ts";
import { imagesGan } from "./images-gan.ts";
import { imagesVae } from "./images-vae.ts";
import { moons } from "./moons.ts";

export { digits, digitsAdm, digitsCascade, digitsGan, digitsVae, emoji, images, imagesGan, imagesVae, moons };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [digits, digitsAdm, digitsCascade, digitsGan, digitsVae, emoji, images, imagesGan, imagesVae, moons].map(
    (recipe) => [recipe.name, recipe],
  ),
);
