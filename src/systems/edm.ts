import { z } from "zod";
import { edmInputScale, logNormalSigmas, type NetworkOptions, noiseProcesses } from "../diffusion/index.ts";
import { defineSystem } from "../train/index.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { predictionObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { orderedSigmas } from "./sigma-range.ts";

const positive = z.number().positive();

/** σ at which the held-out loss is measured, where they lie between the least and the most. */
const HELD_OUT = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/**
 * EDM (Karras, Aittala, Aila and Laine 2022): x = x_0 + σ ε, seen by the network at variance 1, c_in x, and told ln σ / 4;
 * its output F is of variance 1 too, D = c_skip x + c_out F. With λ(σ) = 1 / c_out² the loss λ ‖D − x_0‖² is the squared
 * error of F (eq. 8), so that the weights of the levels are how often ln σ ~ N(mean, deviation²) draws them.
 */
export const edm = defineSystem({
  name: "edm",
  summary: "Elucidating the design space of diffusion-based generative models (Karras et al. 2022)",
  headline: "CIFAR-10: FID 1.79 with classes in 35 evaluations",
  config: denoisingConfig({
    /** The standard deviation of the data. */
    sigmaData: positive.default(0.5),
    sigmaMin: positive.default(0.002),
    sigmaMax: positive.default(80),
    /** Of ln σ in training; values beyond the ends are taken at them. */
    logSigma: z
      .strictObject({ mean: z.number().default(-1.2), deviation: positive.default(1.2) })
      .prefault({}),
  }),
  sampling: guidedSamplingSchema({ kind: "heun", frame: "karras", sigmas: "karras", steps: 18, clip: null }),
  stages({ sigmaData, sigmaMin, sigmaMax, logSigma, ...config }, data, seed) {
    const reading: NetworkOptions = { prediction: "edm", sigmaData, inputScale: edmInputScale(sigmaData) };
    const within = (sigma: number): number => Math.min(Math.max(sigma, sigmaMin), sigmaMax);
    return [
      denoisingStage(
        {
          name: "edm",
          process: noiseProcesses.edm(orderedSigmas({ sigmaMin, sigmaMax })),
          reading,
          objective: predictionObjective(reading),
          times: (n, random) => logNormalSigmas(n, random, logSigma).map(within),
          heldOut: HELD_OUT.filter((sigma) => within(sigma) === sigma),
        },
        { config, data, seed },
      ),
    ];
  },
});
