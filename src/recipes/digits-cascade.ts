import type { RecipeInput } from "../systems/index.ts";

/** Handwritten digits, 32×32, class-conditional, in two stages: 16×16, then from those to 32×32. */
export const digitsCascade = {
  name: "digits-cascade",
  system: "cascade",
  data: { kind: "digits", size: 32 },
  config: {
    conditioning: { kind: "class", labelDropout: 0.1 },
    base: {
      size: 16,
      network: {
        block_out_channels: [32, 64],
        layers_per_block: 1,
        down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
        up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
        attention_head_dim: 64,
        norm_num_groups: 8,
      },
    },
    superResolution: [
      {
        size: 32,
        augmentation: { kind: "noise", most: 0.5 },
        network: {
          block_out_channels: [16, 32, 64],
          layers_per_block: 1,
          down_block_types: ["DownBlock2D", "DownBlock2D", "DownBlock2D"],
          up_block_types: ["UpBlock2D", "UpBlock2D", "UpBlock2D"],
          attention_head_dim: 64,
          norm_num_groups: 8,
        },
      },
    ],
  },
  training: {
    steps: 1000,
    batch: 32,
    optimizer: { kind: "adamw" },
    learningRate: { peak: 2e-3, warmup: 100, decay: "cosine" },
    ema: 0.999,
    heldOutEvery: 500,
    previewEvery: 500,
    checkpointEvery: 250,
  },
  stages: { "super-32": { steps: 800, batch: 16 } },
  sampling: { sampler: { kind: "ddim", steps: 50 }, guidance: 2, augmentation: 0.1 },
} satisfies RecipeInput;
