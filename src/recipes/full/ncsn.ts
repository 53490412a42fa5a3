import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

/**
 * NCSN on CIFAR-10 (Song and Ermon 2019, section 5): ten noise scales, which are twice the paper's as data are in
 * [-1, 1], and 100 Langevin steps at each. A U-Net stands in for their RefineNet.
 */
export const imagesNcsn = {
  name: "images-ncsn",
  system: "ncsn",
  data: pictures32,
  config: {
    levels: 10,
    sigmaMin: 0.02,
    sigmaMax: 2,
    network: { ...blocks, layers_per_block: 2, dropout: 0 },
  },
  training: {
    steps: 200_000,
    batch: 128,
    optimizer: { kind: "adam" },
    learningRate: { peak: 1e-3 },
    clip: null,
    ema: 0,
    flip: true,
    ...rarely,
  },
  sampling: {
    sampler: {
      kind: "langevin",
      steps: 10,
      spacing: "linspace",
      stepsPerLevel: 100,
      stepSize: 0.2,
      denoiseLast: false,
      clip: null,
    },
  },
} satisfies RecipeInput;
