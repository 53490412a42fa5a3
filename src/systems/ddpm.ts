import { diffusionProcess, scheduleSchema } from "../diffusion/index.ts";
import { defineSystem } from "../train/index.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { noiseObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";

/** Fractions of the timesteps at which the held-out loss is measured. */
const HELD_OUT = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * Denoising diffusion probabilistic models (Ho, Jain and Abbeel 2020): a network learns to tell the noise
 * in x_t = α x_0 + σ ε (algorithm 1), and images are made by taking it away step by step (algorithm 2).
 */
export const ddpm = defineSystem({
  name: "ddpm",
  summary: "Denoising diffusion probabilistic models (Ho, Jain and Abbeel 2020)",
  headline: "CIFAR-10: FID 3.17, at most 3.75 bits a dimension; 1000 evaluations",
  config: denoisingConfig({ schedule: scheduleSchema.prefault({ beta_schedule: "linear" }) }),
  sampling: guidedSamplingSchema({ kind: "ddim" }),
  stages(config, data, seed) {
    const process = diffusionProcess(config.schedule);
    return [
      denoisingStage(
        {
          name: "ddpm",
          process,
          reading: { prediction: "epsilon" },
          objective: noiseObjective,
          times: (n, random) => random.integers(0, process.steps, [n]).data,
          heldOut: HELD_OUT.map((fraction) => Math.round(fraction * (process.steps - 1))),
        },
        { config, data, seed },
      ),
    ];
  },
});
