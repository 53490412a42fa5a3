import type { RecipeInput } from "../../systems/index.ts";
import { attending, rarely } from "./shared.ts";

/**
 * A folder of your own pictures, 64×64 in colour, whose folders are their classes: first 32×32, then from those. Half as
 * wide as the networks of Ho et al. 2022; weeks on two cores.
 */
export const imagesCascade = {
  name: "images-cascade",
  system: "cascade",
  data: { kind: "folder", path: "images", size: 64, classes: "folders" },
  config: {
    conditioning: { kind: "class", labelDropout: 0.1 },
    base: {
      size: 32,
      network: {
        block_out_channels: [128, 256, 384, 512],
        ...attending,
      },
    },
    superResolution: [
      {
        size: 64,
        augmentation: { kind: "noise", most: 1 },
        network: {
          block_out_channels: [128, 128, 256, 384],
          ...attending,
        },
      },
    ],
  },
  training: {
    steps: 500_000,
    batch: 256,
    optimizer: { kind: "adamw", weightDecay: 0 },
    learningRate: { peak: 1e-4, warmup: 5000 },
    ema: 0.9999,
    flip: true,
    ...rarely,
  },
  sampling: { sampler: { kind: "ancestral", steps: 250 }, augmentation: 0.1 },
} satisfies RecipeInput;
