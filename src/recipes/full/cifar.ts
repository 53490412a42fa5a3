import type { RecipeInput } from "../../systems/index.ts";

/** CIFAR-10 as a folder of pictures, by class in folders (give it with --data); what the papers were measured on. */
export const cifar = { kind: "folder", path: "cifar10", size: 32 } as const satisfies RecipeInput["data"];

/** DDPM++ and NCSN++ at 32×32: 128 channels, doubled below, attention at 16×16 (Song et al. 2021, appendix H). */
export const blocks = {
  block_out_channels: [128, 256, 256, 256],
  layers_per_block: 4,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
  attention_head_dim: 256,
  dropout: 0.1,
} satisfies Extract<RecipeInput, { system: "ddpm" }>["config"]["network"];
