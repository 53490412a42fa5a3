import type { RecipeInput } from "../systems/index.ts";

/**
 * Points of two moons in the plane, class-conditional, by a small network of linear layers: a minute or two. Points have no
 * range to be clipped to, as pictures have.
 */
export const moons = {
  name: "moons",
  system: "ddpm",
  data: { kind: "density", name: "two_moons" },
  config: {
    schedule: { beta_schedule: "linear", num_train_timesteps: 200, beta_end: 0.1 },
    conditioning: { kind: "class", labelDropout: 0.1 },
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
  sampling: { sampler: { kind: "ddim", steps: 50, clip: null } },
} as const satisfies RecipeInput;
