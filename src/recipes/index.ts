import type { RecipeInput } from "../systems/index.ts";
import { digitsAdm } from "./adm.ts";
import { digitsCascade } from "./cascade.ts";
import { digitsDdgan, eightGaussiansDdgan } from "./ddgan.ts";
import { digits, moons } from "./ddpm.ts";
import { checkerboardEdm, digitsEdm } from "./edm.ts";
import { emoji, emojiEdm } from "./emoji.ts";
import { fullSize } from "./full/index.ts";
import { digitsGan } from "./gan.ts";
import { digitsIddpm, digitsIddpmVlb } from "./iddpm.ts";
import { images } from "./images.ts";
import { digitsNcsn, moonsNcsn } from "./ncsn.ts";
import { heartbeatNonequilibrium, swissRollNonequilibrium } from "./nonequilibrium.ts";
import { digitsRectifiedFlow, eightGaussiansRectifiedFlow } from "./rectified-flow.ts";
import { digitsVp, swissRollSubVp, swissRollVe, swissRollVp } from "./score-sde.ts";
import { digitsVae } from "./vae.ts";

export {
  checkerboardEdm,
  digits,
  digitsAdm,
  digitsCascade,
  digitsDdgan,
  digitsEdm,
  digitsGan,
  digitsIddpm,
  digitsIddpmVlb,
  digitsNcsn,
  digitsRectifiedFlow,
  digitsVae,
  digitsVp,
  eightGaussiansDdgan,
  eightGaussiansRectifiedFlow,
  emoji,
  emojiEdm,
  heartbeatNonequilibrium,
  images,
  moons,
  moonsNcsn,
  swissRollNonequilibrium,
  swissRollSubVp,
  swissRollVe,
  swissRollVp,
};

/**
 * The recipes that come with the package, by name: `data` alone by DDPM, `data-system` by another system of the
 * literature, `images-system` at the size of its paper.
 */
export const recipes: Readonly<Record<string, RecipeInput>> = Object.fromEntries(
  [
    digits,
    emoji,
    images,
    moons,
    swissRollNonequilibrium,
    heartbeatNonequilibrium,
    moonsNcsn,
    digitsNcsn,
    digitsIddpm,
    digitsIddpmVlb,
    swissRollVp,
    swissRollSubVp,
    swissRollVe,
    digitsVp,
    checkerboardEdm,
    digitsEdm,
    emojiEdm,
    eightGaussiansRectifiedFlow,
    digitsRectifiedFlow,
    digitsAdm,
    digitsCascade,
    eightGaussiansDdgan,
    digitsDdgan,
    digitsGan,
    digitsVae,
    ...fullSize,
  ].map((recipe) => [recipe.name, recipe]),
);
