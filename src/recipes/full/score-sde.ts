import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

const training = {
  steps: 1_300_000,
  batch: 128,
  optimizer: { kind: "adam" },
  learningRate: { peak: 2e-4, warmup: 5000 },
  flip: true,
  ...rarely,
} as const;

/** NCSN++ of the VE SDE on CIFAR-10, continuous: skip blocks, Fourier features (Song et al. 2021, section 4.4 and appendix H). */
export const imagesVe = {
  name: "images-ve",
  system: "score-sde",
  data: pictures32,
  config: {
    sde: { kind: "ve", sigmaMin: 0.01, sigmaMax: 50 },
    network: {
      ...blocks,
      down_block_types: ["SkipDownBlock2D", "AttnSkipDownBlock2D", "SkipDownBlock2D", "SkipDownBlock2D"],
      up_block_types: ["SkipUpBlock2D", "SkipUpBlock2D", "AttnSkipUpBlock2D", "SkipUpBlock2D"],
      time_embedding_type: "fourier",
      mid_block_scale_factor: Math.SQRT2,
      norm_eps: 1e-6,
    },
  },
  training: { ...training, ema: 0.999 },
  sampling: { sampler: { kind: "predictor_corrector", steps: 1000, snr: 0.16, clip: null } },
} satisfies RecipeInput;

/** DDPM++ of the sub-VP SDE on CIFAR-10, continuous, whose likelihood was the best (Song et al. 2021, table 2). */
export const imagesSubVp = {
  name: "images-sub-vp",
  system: "score-sde",
  data: pictures32,
  config: { sde: { kind: "sub_vp" }, network: blocks },
  training: { ...training, ema: 0.9999 },
  sampling: { sampler: { kind: "rk45", clip: null } },
} satisfies RecipeInput;
