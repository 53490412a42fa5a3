import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining, pointsNetwork, pointsTraining } from "./small.ts";

/**
 * Two moons in the plane by a noise-conditional score network and Langevin steps.
 * Measured (docs/results/denoising.md): 2.02 times as far from held-out points as those from each other.
 */
export const moonsNcsn = {
  name: "moons-ncsn",
  system: "ncsn",
  data: { kind: "density", name: "two_moons" },
  config: { levels: 10, sigmaMin: 0.05, sigmaMax: 4, network: pointsNetwork },
  training: pointsTraining,
  sampling: {
    sampler: { kind: "langevin", steps: 10, spacing: "linspace", stepsPerLevel: 20, clip: null },
  },
} as const satisfies RecipeInput;

/** Handwritten digits by a noise-conditional score network, class-conditional. */
export const digitsNcsn = {
  name: "digits-ncsn",
  system: "ncsn",
  data: { kind: "digits", size: 16 },
  config: { levels: 12, sigmaMin: 0.02, sigmaMax: 5, conditioning: byClass, network: digitsNetwork },
  training: digitsTraining,
  sampling: {
    sampler: { kind: "langevin", steps: 12, spacing: "linspace", stepsPerLevel: 30, clip: null },
  },
} satisfies RecipeInput;
