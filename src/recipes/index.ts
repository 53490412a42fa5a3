import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsAdm } from "./digits-adm.ts";
import { digitsCascade } from "./digits-cascade.ts";
import { digitsDdgan } from "./digits-ddgan.ts";
import { digitsGan } from "./digits-gan.ts";
import { digitsVae } from "./digits-vae.ts";
import { edmDigits, edmPoints } from "./edm.ts";
import { eightGaussiansDdgan } from "./eight-gaussians-ddgan.ts";
import { emoji } from "./emoji.ts";
import { heartbeat } from "./heartbeat.ts";
import { iddpmBoundDigits, iddpmDigits } from "./iddpm.ts";
import { images } from "./images.ts";
import { imagesAdm } from "./images-adm.ts";
import { imagesCascade } from "./images-cascade.ts";
import { imagesDdgan } from "./images-ddgan.ts";
import { imagesGan } from "./images-gan.ts";
import { imagesNonequilibrium } from "./images-nonequilibrium.ts";
import { imagesVae } from "./images-vae.ts";
import { moons } from "./moons.ts";
import { ncsnDigits, ncsnPoints } from "./ncsn.ts";
import { rectifiedFlowDigits, rectifiedFlowPoints } from "./rectified-flow.ts";
import { subVpPoints, vePoints, vpDigits, vpPoints } from "./score-sde.ts";
import { swissRoll } from "./swiss-roll.ts";

export { fullRecipes } from "./full/index.ts";
export {
  digits,
  digitsAdm,
  digitsCascade,
  digitsDdgan,
  digitsGan,
  digitsVae,
  edmDigits,
  edmPoints,
  eightGaussiansDdgan,
  emoji,
  heartbeat,
  iddpmBoundDigits,
  iddpmDigits,
  images,
  imagesDdgan,
  imagesGan,
  imagesNonequilibrium,
  imagesVae,
  moons,
  ncsnDigits,
  ncsnPoints,
  rectifiedFlowDigits,
  rectifiedFlowPoints,
  subVpPoints,
  swissRoll,
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
    swissRoll,
    heartbeat,
    ncsnPoints,
    ncsnDigits,
    iddpmDigits,
    iddpmBoundDigits,
    vpPoints,
    subVpPoints,
    vePoints,
    vpDigits,
    edmPoints,
    edmDigits,
    rectifiedFlowPoints,
    rectifiedFlowDigits,
    digitsAdm,
    digitsCascade,
    eightGaussiansDdgan,
    digitsDdgan,
    digitsGan,
    digitsVae,
    imagesDdgan,
    imagesAdm,
    imagesCascade,
    imagesGan,
    imagesNonequilibrium,
    imagesVae,
  ].map((recipe) => [recipe.name, recipe]),
);
