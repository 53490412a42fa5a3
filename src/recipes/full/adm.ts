import type { RecipeInput } from "../../systems/index.ts";
import { rarely } from "./shared.ts";

/**
 * A folder of your own pictures, 64×64 in colour, whose folders are their classes, by the networks of Dhariwal and
 * Nichol 2021 for ImageNet at that size (flags of guided-diffusion): 296 million parameters, no work for a processor.
 */
export const imagesAdm = {
  name: "images-adm",
  system: "adm",
  data: { kind: "folder", path: "images", size: 64, classes: "folders" },
  config: {
    schedule: { beta_schedule: "squaredcos_cap_v2" },
    objective: "hybrid",
    conditioning: { kind: "class", labelDropout: 0 },
    network: {
      block_out_channels: [192, 384, 576, 768],
      layers_per_block: 3,
      down_block_types: ["ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      up_block_types: ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"],
      downsample_type: "resnet",
      upsample_type: "resnet",
      resnet_time_scale_shift: "scale_shift",
      attention_head_dim: 64,
      attn_norm_num_groups: 32,
      dropout: 0.1,
    },
    classifier: {
      block_out_channels: [128, 256, 384, 512],
      layers_per_block: 4,
      down_block_types: ["ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
      downsample_type: "resnet",
      resnet_time_scale_shift: "scale_shift",
      attention_head_dim: 64,
      attn_norm_num_groups: 32,
    },
  },
  training: {
    steps: 540_000,
    batch: 2048,
    optimizer: { kind: "adamw", weightDecay: 0 },
    learningRate: { peak: 3e-4 },
    ema: 0.9999,
    flip: true,
    ...rarely,
  },
  stages: {
    classifier: { steps: 300_000, batch: 1024, optimizer: { kind: "adamw", weightDecay: 0.05 } },
  },
  sampling: {
    sampler: { kind: "ancestral", variance: "learned_range", spacing: "linspace", steps: 250 },
    classifierScale: 1,
  },
} satisfies RecipeInput;
