import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

/** Rectified flow and reflow on CIFAR-10, DDPM++ (Liu et al. 2023, section 5.1 and appendix D). */
export const imagesRectifiedFlow = {
  name: "images-rectified-flow",
  system: "rectified-flow",
  data: pictures32,
  config: { network: { ...blocks, dropout: 0.15 }, reflow: { steps: 100 } },
  training: {
    steps: 600_000,
    batch: 128,
    optimizer: { kind: "adam" },
    learningRate: { peak: 2e-4, warmup: 5000 },
    ema: 0.999999,
    flip: true,
    ...rarely,
  },
  stages: { reflow: { steps: 300_000 } },
  sampling: { sampler: { kind: "rk45", clip: null } },
} satisfies RecipeInput;
