import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining, pointsNetwork, pointsTraining } from "./small.ts";

/** A rolled-up band in the plane by the variance-preserving SDE. */
export const vpPoints = {
  name: "vp-points",
  system: "score-sde",
  data: { kind: "density", name: "swiss_roll" },
  config: { sde: { kind: "vp" }, network: pointsNetwork },
  training: pointsTraining,
  sampling: { sampler: { kind: "rk45", clip: null } },
} as const satisfies RecipeInput;

/** The same by sub-VP, whose variance is less. */
export const subVpPoints = {
  ...vpPoints,
  name: "sub-vp-points",
  config: { sde: { kind: "sub_vp" }, network: pointsNetwork },
} as const satisfies RecipeInput;

/** The same by the variance-exploding SDE. */
export const vePoints = {
  ...vpPoints,
  name: "ve-points",
  config: { sde: { kind: "ve" }, network: pointsNetwork },
} as const satisfies RecipeInput;

/** Handwritten digits by the variance-preserving SDE, its probability-flow ODE by Euler's rule; class-conditional. */
export const vpDigits = {
  name: "vp-digits",
  system: "score-sde",
  data: { kind: "digits", size: 16 },
  config: { sde: { kind: "vp" }, conditioning: byClass, network: digitsNetwork },
  training: digitsTraining,
  sampling: { sampler: { kind: "euler", steps: 50, clip: null }, guidance: 2 },
} satisfies RecipeInput;
