import type { RecipeInput } from "../systems/index.ts";

/**
 * Points of a rolled-up band, by a chain of 40 Gaussian steps whose means and variances are both learned: a minute or two.
 * Measured (docs/results/learned-chains.md): 0.90 times as far from held-out points as these are from each other.
 */
export const swissRoll = {
  name: "swiss-roll",
  system: "nonequilibrium",
  data: { kind: "density", name: "swiss_roll" },
  config: {
    diffusion: { kind: "gaussian" },
    network: { kind: "mlp", width: 128, layers: 3 },
  },
  training: {
    steps: 4000,
    batch: 256,
    optimizer: { kind: "adamw" },
    learningRate: { peak: 2e-3, warmup: 100, decay: "cosine" },
    ema: 0.999,
    heldOutEvery: 1000,
    previewEvery: 1000,
    checkpointEvery: 1000,
  },
  sampling: {},
} as const satisfies RecipeInput;
