import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining, pointsNetwork, pointsTraining } from "./small.ts";

/**
 * A board of squares in the plane by EDM; its data have variance 1.
 * Measured (docs/results/denoising.md): 1.46 times as far from held-out points as those from each other.
 */
export const checkerboardEdm = {
  name: "checkerboard-edm",
  system: "edm",
  data: { kind: "density", name: "checkerboard" },
  config: { sigmaData: 1, network: pointsNetwork },
  training: pointsTraining,
  sampling: { sampler: { kind: "heun", frame: "karras", sigmas: "karras", steps: 18, clip: null } },
} as const satisfies RecipeInput;

/** Handwritten digits by EDM, class-conditional. Measured: held-out loss 0.356. */
export const digitsEdm = {
  name: "digits-edm",
  system: "edm",
  data: { kind: "digits", size: 16 },
  config: { conditioning: byClass, network: digitsNetwork },
  training: digitsTraining,
  sampling: {
    sampler: { kind: "heun", frame: "karras", sigmas: "karras", steps: 18, clip: null },
    guidance: 2,
  },
} satisfies RecipeInput;
