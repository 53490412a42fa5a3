import type { RecipeInput } from "../../systems/index.ts";
import { rarely } from "./shared.ts";

/** A folder of your own pictures, 64×64 in colour (give it with --data), by a variational autoencoder: a day on two cores. */
export const imagesVae = {
  name: "images-vae",
  system: "vae",
  data: { kind: "folder", path: "images", size: 64 },
  config: { network: { latents: 256, channels: [64, 128, 256, 512], norm_num_groups: 32 } },
  training: {
    steps: 100_000,
    batch: 64,
    optimizer: { kind: "adamw" },
    learningRate: { peak: 3e-4, warmup: 1000, decay: "cosine" },
    ema: 0.999,
    flip: true,
    ...rarely,
  },
  sampling: {},
} as const satisfies RecipeInput;
