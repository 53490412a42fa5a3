import type { RecipeInput } from "../systems/index.ts";
import { byClass, pointsNetwork, pointsTraining } from "./small.ts";

/**
 * Points of two moons in the plane, class-conditional, by a small network of linear layers: a minute or two. Points have no
 * range to be clipped to, as pictures have.
 */
export const moons = {
  name: "moons",
  system: "ddpm",
  data: { kind: "density", name: "two_moons" },
  config: {
    schedule: { beta_schedule: "linear", num_train_timesteps: 200, beta_end: 0.1 },
    conditioning: byClass,
    network: pointsNetwork,
  },
  training: { ...pointsTraining, steps: 4000 },
  sampling: { sampler: { kind: "ddim", steps: 50, clip: null } },
} as const satisfies RecipeInput;
