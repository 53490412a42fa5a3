import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

/**
 * A folder of your own pictures, 32×32 in colour (give it with --data), by a chain of 1000 Gaussian steps whose means and
 * variances are both learned, as Sohl-Dickstein et al. 2015 have it for CIFAR-10 (section 3.2), with a U-Net in place of
 * their convolutions at several scales, and a schedule that is given where theirs is learned: days on two cores.
 */
export const imagesNonequilibrium = {
  name: "images-nonequilibrium",
  system: "nonequilibrium",
  data: pictures32,
  config: {
    diffusion: {
      kind: "gaussian",
      schedule: { num_train_timesteps: 1000, beta_start: 1e-3, beta_end: 0.02 },
    },
    network: {
      ...blocks,
      layers_per_block: 2,
      dropout: 0,
    },
  },
  training: {
    steps: 200_000,
    batch: 64,
    optimizer: { kind: "adam" },
    learningRate: { peak: 2e-4, warmup: 5000 },
    ema: 0.9999,
    flip: true,
    ...rarely,
  },
  sampling: {},
} as const satisfies RecipeInput;
