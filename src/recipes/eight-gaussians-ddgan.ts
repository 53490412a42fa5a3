import type { RecipeInput } from "../systems/index.ts";

/**
 * Points of eight clusters on a circle, by a denoising diffusion GAN of four steps.
 * Measured (docs/results/ddgan.md): 3.4 times as far from held-out points as these are from each other, a ring in which
 * the clusters do not stand apart; above the 3 that recipes of points are to reach.
 */
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
    steps: 3000,
    batch: 256,
    optimizer: { kind: "adam", betas: [0.5, 0.9] },
    clip: null,
    ema: 0.999,
    previewEvery: 3000,
    checkpointEvery: 1000,
  },
  sampling: {},
} as const satisfies RecipeInput;
