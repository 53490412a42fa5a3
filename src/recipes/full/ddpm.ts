import type { RecipeInput } from "../../systems/index.ts";
import { blocks, pictures32, rarely } from "./shared.ts";

/** DDPM on CIFAR-10 (Ho et al. 2020, appendix B): 35.7 million parameters, 1000 linear steps. */
export const imagesDdpm = {
  name: "images-ddpm",
  system: "ddpm",
  data: pictures32,
  config: { network: { ...blocks, layers_per_block: 2 } },
  training: {
    steps: 800_000,
    batch: 128,
    optimizer: { kind: "adam" },
    learningRate: { peak: 2e-4, warmup: 5000 },
    ema: 0.9999,
    flip: true,
    ...rarely,
  },
  sampling: { sampler: { kind: "ancestral", steps: 1000 } },
} satisfies RecipeInput;
