import type { RecipeInput } from "../systems/index.ts";
import { byClass, digitsNetwork, digitsTraining, pointsNetwork, pointsTraining } from "./small.ts";

/**
 * Eight modes on a circle by rectified flow, and by a second flow of straighter paths.
 * Measured (docs/results/denoising.md): the first flow 0.79 times as far from held-out points as those from each other.
 */
export const eightGaussiansRectifiedFlow = {
  name: "eight-gaussians-rectified-flow",
  system: "rectified-flow",
  data: { kind: "density", name: "eight_gaussians" },
  config: { network: pointsNetwork, reflow: { steps: 20 } },
  training: pointsTraining,
  stages: { reflow: { steps: 1000 } }, // each of them costs 20 evaluations of the first flow
  sampling: { sampler: { kind: "euler", steps: 50, clip: null } },
} as const satisfies RecipeInput;

/** Handwritten digits by flow matching, times in the middle more often, class-conditional. */
export const digitsRectifiedFlow = {
  name: "digits-rectified-flow",
  system: "rectified-flow",
  data: { kind: "digits", size: 16 },
  config: { times: { kind: "logit_normal" }, conditioning: byClass, network: digitsNetwork },
  training: digitsTraining,
  sampling: { sampler: { kind: "euler", steps: 50, clip: null }, guidance: 2 },
} satisfies RecipeInput;
