import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining, pointsNetwork, pointsTraining } from "./small.ts";

/**
 * A rolled-up band in the plane by the variance-preserving SDE.
 * Measured (docs/results/denoising.md): 0.81 times as far from held-out points as those from each other, 2.085 nats.
 */
export const swissRollVp = {
  name: "swiss-roll-vp",
  system: "score-sde",
  data: { kind: "density", name: "swiss_roll" },
  config: { sde: { kind: "vp" }, weighting: "likelihood", network: pointsNetwork },
  training: pointsTraining,
  sampling: { sampler: { kind: "rk45", clip: null } },
} as const satisfies RecipeInput;

/**
 * The same by sub-VP, whose variance is less: at the default's earliest time its σ is 1e-4, and half of the times that the
 * likelihood draws had no noise to speak of. At 0.028 it is VP's at 1e-3, 0.0105. Measured: 0.81 times, 2.090 nats.
 */
export const swissRollSubVp = {
  ...swissRollVp,
  name: "swiss-roll-sub-vp",
  config: { sde: { kind: "sub_vp", clean: 0.028 }, weighting: "likelihood", network: pointsNetwork },
} as const satisfies RecipeInput;

/** The same by the variance-exploding SDE. Measured: 0.77 times, 2.081 nats. */
export const swissRollVe = {
  ...swissRollVp,
  name: "swiss-roll-ve",
  config: { sde: { kind: "ve" }, network: pointsNetwork },
} as const satisfies RecipeInput;

/** Handwritten digits by the variance-preserving SDE, its probability-flow ODE by Euler's rule; class-conditional. */
export const digitsVp = {
  name: "digits-vp",
  system: "score-sde",
  data: { kind: "digits", size: 16 },
  config: { sde: { kind: "vp" }, conditioning: byClass, network: digitsNetwork },
  training: digitsTraining,
  sampling: { sampler: { kind: "euler", steps: 50 }, guidance: 2 },
} satisfies RecipeInput;
