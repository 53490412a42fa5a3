import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

/**
 * A folder of your own pictures, 32×32 in colour (give it with --data), by a denoising diffusion GAN of the size that
 * Xiao et al. 2022 have for CIFAR-10 (appendix C and their code): weeks on two cores.
 */
export const imagesDdgan = {
  name: "images-ddgan",
  system: "ddgan",
  data: pictures32,
  config: {
    steps: 4,
    network: {
      generator: {
        latents: 100,
        mapping: 4,
        ...blocks,
        layers_per_block: 2,
        dropout: 0,
      },
      discriminator: { channels: [128, 256, 512, 512], time: 128 },
    },
    penalty: 0.02 / 15, // theirs is 0.02 at every fifteenth step
    generator: { learningRate: { peak: 1.6e-4, decay: "cosine" } },
    discriminator: { learningRate: { peak: 1.25e-4, decay: "cosine" } },
  },
  training: {
    steps: 351_000,
    batch: 256,
    optimizer: { kind: "adam", betas: [0.5, 0.9] },
    clip: null,
    ema: 0.9999,
    flip: true,
    ...rarely,
  },
  sampling: {},
} as const satisfies RecipeInput;
