import type { RecipeInput } from "../systems/index.ts";

/** A folder of your own pictures, 32×32 in colour (give it with --data): hours on two cores. */
export const images = {
  name: "images",
  system: "ddpm",
  data: { kind: "folder", path: "images", size: 32 },
  config: {
    schedule: { beta_schedule: "squaredcos_cap_v2" },
    network: {
      block_out_channels: [64, 128, 128],
      layers_per_block: 2,
      down_block_types: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
      attention_head_dim: 64,
      norm_num_groups: 16,
    },
  },
  training: {
    steps: 50_000,
    batch: 32,
    optimizer: { kind: "adamw" },
    learningRate: { peak: 2e-4, warmup: 500, decay: "cosine" },
    ema: 0.9995,
    flip: true,
    checkpointEvery: 500,
    previewEvery: 500,
    heldOutEvery: 1000,
  },
  sampling: { sampler: { kind: "ddim", steps: 50 } },
} satisfies RecipeInput;
