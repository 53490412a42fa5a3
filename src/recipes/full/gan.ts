import type { RecipeInput } from "../../systems/index.ts";
import { rarely } from "./shared.ts";

/**
 * A folder of your own pictures, 64×64 in colour (give it with --data), by a generative adversarial network of the size
 * of Mescheder et al. 2018 (appendix H): days on two cores.
 */
export const imagesGan = {
  name: "images-gan",
  system: "gan",
  data: { kind: "folder", path: "images", size: 64 },
  config: {
    network: { latents: 256, channels: 64, maxChannels: 512, blocks: 1 },
    penalty: 10,
  },
  training: {
    steps: 300_000,
    batch: 64,
    optimizer: { kind: "adam", betas: [0, 0.99] },
    learningRate: { peak: 1e-4 },
    clip: null,
    ema: 0.999,
    flip: true,
    ...rarely,
  },
  sampling: {},
} as const satisfies RecipeInput;
