import type { RecipeInput } from "../../systems/index.ts";

/** A folder of pictures, 32×32 in colour (give it with --data): CIFAR-10 where the papers' figures are from. */
export const pictures32 = { kind: "folder", path: "images", size: 32 } as const satisfies RecipeInput["data"];

type Network = Extract<RecipeInput, { system: "ddpm" }>["config"]["network"];

/** DDPM++ and NCSN++ at 32×32: 128 channels, doubled below, attention at 16×16 (Song et al. 2021, appendix H). */
export const blocks = {
  block_out_channels: [128, 256, 256, 256],
  layers_per_block: 4,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
  attention_head_dim: 256,
  dropout: 0.1,
} satisfies Network;

/** Blocks that attend at the two sizes in the middle, of improved DDPM and what came of it (Nichol and Dhariwal 2021). */
export const attending = {
  layers_per_block: 3,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
  attention_head_dim: 64,
  resnet_time_scale_shift: "scale_shift",
  dropout: 0.1,
} satisfies Network;

/** How often long trainings stop to measure, draw and save. */
export const rarely = { checkpointEvery: 500, previewEvery: 5000, heldOutEvery: 5000 } as const;
