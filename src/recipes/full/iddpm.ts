import type { RecipeInput } from "../../systems/index.ts";
import { attending, pictures32, rarely } from "./shared.ts";

/** Improved DDPM on CIFAR-10: 4000 steps, the cosine schedule, L_hybrid (Nichol and Dhariwal 2021, appendix A). */
export const imagesIddpm = {
  name: "images-iddpm",
  system: "iddpm",
  data: pictures32,
  config: {
    schedule: { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 4000 },
    objective: "hybrid",
    network: {
      block_out_channels: [128, 256, 256, 256],
      ...attending,
      dropout: 0.3,
    },
  },
  training: {
    steps: 500_000,
    batch: 128,
    optimizer: { kind: "adamw", weightDecay: 0 },
    learningRate: { peak: 1e-4 },
    clip: null,
    ema: 0.9999,
    ...rarely,
  },
  sampling: { sampler: { kind: "ancestral", variance: "learned_range", spacing: "linspace", steps: 100 } },
} satisfies RecipeInput;
