import type { RecipeInput } from "../systems/index.ts";

/**
 * Handwritten digits, 16×16, class-conditional, by a generative adversarial network whose generator has about as many
 * parameters as the network of `digits`.
 */
export const digitsGan = {
  name: "digits-gan",
  system: "gan",
  data: { kind: "digits", size: 16 },
  config: {
    network: { latents: 32, channels: 36, maxChannels: 144, blocks: 1, share: 1 },
    conditioning: { kind: "class" },
    penalty: 1,
  },
  training: {
    steps: 2000,
    batch: 32,
    optimizer: { kind: "adam", betas: [0, 0.99] },
    learningRate: { peak: 8e-4, decay: "cosine" },
    clip: null,
    ema: 0.995,
    previewEvery: 250,
    checkpointEvery: 250,
  },
  sampling: { temperature: 1 },
} as const satisfies RecipeInput;
