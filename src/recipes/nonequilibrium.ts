import type { RecipeInput } from "../systems/index.ts";
import { pointsNetwork, pointsTraining } from "./small.ts";

/**
 * Sequences of bits with a pulse at every fifth, by binomial diffusion: under three minutes on a busy core.
 * Measured (docs/results/learned-chains.md): a bound of 2.365 bits a sequence, where the truth is 2.322 and the paper has
 * 2.414; 1,995 of 2,000 samples are perfect.
 */
export const heartbeatNonequilibrium = {
  name: "heartbeat-nonequilibrium",
  system: "nonequilibrium",
  data: { kind: "heartbeat", length: 20, period: 5 },
  config: {
    diffusion: { kind: "binomial", steps: 2000 },
    network: pointsNetwork,
  },
  training: { ...pointsTraining, steps: 6000, previewEvery: 3000 },
  sampling: {},
} as const satisfies RecipeInput;

/**
 * Points of a rolled-up band, by a chain of 40 Gaussian steps whose means and variances are both learned: a minute or two.
 * Measured (docs/results/learned-chains.md): 0.90 times as far from held-out points as these are from each other.
 */
export const swissRollNonequilibrium = {
  name: "swiss-roll-nonequilibrium",
  system: "nonequilibrium",
  data: { kind: "density", name: "swiss_roll" },
  config: {
    diffusion: { kind: "gaussian" },
    network: pointsNetwork,
  },
  training: { ...pointsTraining, steps: 4000 },
  sampling: {},
} as const satisfies RecipeInput;
