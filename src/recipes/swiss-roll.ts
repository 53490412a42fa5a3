import type { RecipeInput } from "../systems/index.ts";
import { pointsNetwork, pointsTraining } from "./small.ts";

/**
 * Points of a rolled-up band, by a chain of 40 Gaussian steps whose means and variances are both learned: a minute or two.
 * Measured (docs/results/learned-chains.md): 0.90 times as far from held-out points as these are from each other.
 */
export const swissRoll = {
  name: "swiss-roll",
  system: "nonequilibrium",
  data: { kind: "density", name: "swiss_roll" },
  config: {
    diffusion: { kind: "gaussian" },
    network: pointsNetwork,
  },
  training: { ...pointsTraining, steps: 4000 },
  sampling: {},
} as const satisfies RecipeInput;
