import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining } from "./small.ts";

/** Handwritten digits, 32×32, class-conditional, in two stages: 16×16, then from those to 32×32. */
export const digitsCascade = {
  name: "digits-cascade",
  system: "cascade",
  data: { kind: "digits", size: 32 },
  config: {
    conditioning: byClass,
    base: {
      size: 16,
      network: digitsNetwork,
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
  training: digitsTraining,
  stages: { "super-32": { steps: 800, batch: 16 } },
  sampling: { sampler: { kind: "ddim", steps: 50 }, guidance: 2, augmentation: 0.1 },
} satisfies RecipeInput;
