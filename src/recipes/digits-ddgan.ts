import type { RecipeInput } from "../systems/index.ts";

/** Handwritten digits, 16×16, class-conditional, by a denoising diffusion GAN of four steps. What has been seen of it: docs/results/ddgan.md. */
export const digitsDdgan = {
  name: "digits-ddgan",
  system: "ddgan",
  data: { kind: "digits", size: 16 },
  config: {
    steps: 4,
    conditioning: { kind: "class" },
    network: {
      generator: {
        latents: 32,
        mapping: 3,
        block_out_channels: [24, 48],
        layers_per_block: 1,
        down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
        up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
        attention_head_dim: 48,
        norm_num_groups: 8,
      },
      discriminator: { channels: [16, 32, 64], time: 64 },
    },
    penalty: { weight: 0.05, every: 15 },
  },
  training: {
    steps: 1500,
    batch: 32,
    optimizer: { kind: "adam", betas: [0.5, 0.9] },
    learningRate: { peak: 1e-3, decay: "cosine" },
    clip: null,
    ema: 0.995,
    previewEvery: 500,
    checkpointEvery: 250,
  },
  sampling: {},
} as const satisfies RecipeInput;
