import type { RecipeInput } from "../../systems/index.ts";
import { pictures32, rarely } from "./shared.ts";

/**
 * EDM on CIFAR-10, conditional, DDPM++ (Karras et al. 2022, table 7, configuration F without its augmentation pipe):
 * 200 million images in batches of 512.
 */
export const imagesEdm = {
  name: "images-edm",
  system: "edm",
  data: { ...pictures32, classes: "folders" },
  config: {
    conditioning: { kind: "class", labelDropout: 0 },
    network: {
      block_out_channels: [256, 256, 256],
      layers_per_block: 4,
      down_block_types: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
      attention_head_dim: 256,
      resnet_time_scale_shift: "scale_shift",
      dropout: 0.13,
    },
  },
  training: {
    steps: 390_625,
    batch: 64,
    accumulate: 8,
    optimizer: { kind: "adam" },
    learningRate: { peak: 1e-3, warmup: 19_531 },
    clip: null,
    ema: 0.99929, // a half-life of half a million images
    flip: true,
    ...rarely,
  },
  sampling: {
    sampler: { kind: "heun", frame: "karras", sigmas: "karras", steps: 18, clip: null },
  },
} satisfies RecipeInput;
