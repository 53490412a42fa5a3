import type { RecipeInput } from "../systems/index.ts";

/** The network of points in the plane, and how it trains: tens of seconds. */
export const pointsNetwork = { kind: "mlp", width: 128, layers: 3 } as const;
export const pointsTraining = {
  steps: 3000,
  batch: 256,
  optimizer: { kind: "adamw" },
  learningRate: { peak: 2e-3, warmup: 100, decay: "cosine" },
  ema: 0.999,
  heldOutEvery: 1000,
  previewEvery: 1000,
  checkpointEvery: 1000,
} as const satisfies RecipeInput["training"];

/** The network of handwritten digits, 16×16, and how it trains: minutes. */
export const digitsNetwork = {
  block_out_channels: [32, 64],
  layers_per_block: 1,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
  up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
  attention_head_dim: 64,
  norm_num_groups: 8,
} satisfies Extract<RecipeInput, { system: "ddpm" }>["config"]["network"];
export const digitsTraining = {
  steps: 1000,
  batch: 32,
  optimizer: { kind: "adamw" },
  learningRate: { peak: 2e-3, warmup: 100, decay: "cosine" },
  ema: 0.999,
  heldOutEvery: 500,
  previewEvery: 500,
  checkpointEvery: 250,
} as const satisfies RecipeInput["training"];
export const byClass = { kind: "class", labelDropout: 0.1 } as const;
