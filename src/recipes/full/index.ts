import { imagesAdm } from "./adm.ts";
import { imagesCascade } from "./cascade.ts";
import { imagesDdgan } from "./ddgan.ts";
import { imagesDdpm } from "./ddpm.ts";
import { imagesEdm } from "./edm.ts";
import { imagesGan } from "./gan.ts";
import { imagesIddpm } from "./iddpm.ts";
import { imagesNcsn } from "./ncsn.ts";
import { imagesNonequilibrium } from "./nonequilibrium.ts";
import { imagesRectifiedFlow } from "./rectified-flow.ts";
import { imagesSubVp, imagesVe } from "./score-sde.ts";
import { imagesVae } from "./vae.ts";

/** Recipes of the papers' own sizes for a folder of your own pictures: days on many GPUs. */
export const fullSize = [
  imagesNonequilibrium,
  imagesNcsn,
  imagesDdpm,
  imagesIddpm,
  imagesVe,
  imagesSubVp,
  imagesEdm,
  imagesRectifiedFlow,
  imagesAdm,
  imagesCascade,
  imagesDdgan,
  imagesGan,
  imagesVae,
];
