import type { RecipeInput } from "../systems/index.ts";

/** Points of eight clusters on a circle, by a denoising diffusion GAN of four steps. */
export const eightGaussiansDdgan = {
  name: "eight-gaussians-ddgan",
  system: "ddgan",
  data: { kind: "density", name: "eight_gaussians" },
  config: {
    steps: 4,
    network: { kind: "mlp" },
    penalty: { weight: 0.01, every: 15 },
    // The discriminator learns four times as fast, or it sees a ring where there are clusters.
    generator: { learningRate: { peak: 5e-4, decay: "cosine" } },
    discriminator: { learningRate: { peak: 2e-3, decay: "cosine" } },
  },
  training: {
    steps: 4500,
    batch: 128,
    optimizer: { kind: "adam", betas: [0.5, 0.9] },
    clip: null,
    ema: 0.999,
    previewEvery: 1500,
    checkpointEvery: 1500,
  },
  sampling: {},
} as const satisfies RecipeInput;
