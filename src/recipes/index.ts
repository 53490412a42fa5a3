import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsDdgan } from "./digits-ddgan.ts";
import { digitsGan } from "./digits-gan.ts";
import { digitsVae } from "./digits-vae.ts";
import { eightGaussiansDdgan } from "./eight-gaussians-ddgan.ts";
import { emoji } from "./emoji.ts";
import { heartbeat } from "./heartbeat.ts";
import { images } from "./images.ts";
import { imagesDdgan } from "./images-ddgan.ts";
import { imagesGan } from "./images-gan.ts";
import { imagesNonequilibrium } from "./images-nonequilibrium.ts";
import { imagesVae } from "./images-vae.ts";
import { moons } from "./moons.ts";
import { swissRoll } from "./swiss-roll.ts";

export {
  digits,
  digitsDdgan,
  digitsGan,
  digitsVae,
  eightGaussiansDdgan,
  emoji,
  heartbeat,
  images,
  imagesDdgan,
  imagesGan,
  imagesNonequilibrium,
  imagesVae,
  moons,
  swissRoll,
};

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [
    digits,
    digitsDdgan,
    digitsGan,
    digitsVae,
    eightGaussiansDdgan,
    emoji,
    heartbeat,
    images,
    imagesDdgan,
    imagesGan,
    imagesNonequilibrium,
    imagesVae,
    moons,
    swissRoll,
  ].map((recipe) => [recipe.name, recipe]),
);
