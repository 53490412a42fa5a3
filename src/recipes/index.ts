import type { RecipeInput } from "../systems/index.ts";
import { digits } from "./digits.ts";
import { digitsGan } from "./digits-gan.ts";
import { digitsVae } from "./digits-vae.ts";
import { edmDigits, edmPoints } from "./edm.ts";
import { emoji } from "./emoji.ts";
import { iddpmBoundDigits, iddpmDigits } from "./iddpm.ts";
import { images } from "./images.ts";
import { imagesGan } from "./images-gan.ts";
import { imagesVae } from "./images-vae.ts";
import { moons } from "./moons.ts";
import { ncsnDigits, ncsnPoints } from "./ncsn.ts";
import { rectifiedFlowDigits, rectifiedFlowPoints } from "./rectified-flow.ts";
import { subVpPoints, vePoints, vpDigits, vpPoints } from "./score-sde.ts";

export { digits, digitsGan, emoji, images, moons };

/** The recipes that come with the package, by name. */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [
    digits,
    emoji,
    images,
    moons,
    digitsGan,
    digitsVae,
    edmDigits,
    edmPoints,
    iddpmBoundDigits,
    iddpmDigits,
    imagesGan,
    imagesVae,
    ncsnDigits,
    ncsnPoints,
    rectifiedFlowDigits,
    rectifiedFlowPoints,
    subVpPoints,
    vePoints,
    vpDigits,
    vpPoints,
  ].map((recipe) => [recipe.name, recipe]),
);
