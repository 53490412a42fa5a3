import type { RecipeInput } from "../systems/index.ts";

/** Points of eight clusters on a circle, by a denoising diffusion GAN of four steps. */
export const eightGaussiansDdgan = {
  name: "eight-gaussians-ddgan",
  system: "ddgan",
  data: { kind: "density", name: "eight_gaussians" },
  config: {
    steps: 4,
    network: { kind: "mlp" },
    penalty: { weight: 0.1, every: 4 },
  },
  training: {
    steps: 6000,
    batch: 256,
    optimizer: { kind: "adam", betas: [0.5, 0.9] },
    learningRate: { peak: 1e-3, decay: "cosine" },
    clip: null,
    ema: 0.999,
    previewEvery: 1000,
    checkpointEvery: 1000,
  },
  sampling: {},
} as const satisfies RecipeInput;
