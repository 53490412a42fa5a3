import { z } from "zod";
import { edmInputScale, noiseProcesses, scoreMatchingLoss } from "../diffusion/index.ts";
import { defineSystem } from "../train/index.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { defineObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { orderedSigmas } from "./sigma-range.ts";

const positive = z.number().positive();

/** Denoising score matching with λ(σ) = σ² (Song and Ermon 2019, eq. 5 and 6), of a score −output / σ. */
export const scoreObjective = defineObjective({
  coefficients: {},
  loss: ({ eps, output, sigma }) => scoreMatchingLoss(eps, output.neg().div(sigma), sigma),
});

/**
 * Noise-conditional score networks (Song and Ermon 2019): the score of data with noise of L scales, σ_1 … σ_L in
 * geometric steps, and samples by annealed Langevin dynamics over the same scales (algorithm 1). As in the second version
 * (Song and Ermon 2020, technique 3) the network's output is divided by σ, so that it is of one size at every scale; it
 * is told ln σ / 4 in place of an index, and sees x at variance 1.
 */
export const ncsn = defineSystem({
  name: "ncsn",
  summary: "Generative modeling by estimating gradients of the data distribution (Song and Ermon 2019)",
  headline: "CIFAR-10: FID 25.3, Inception score 8.87",
  config: denoisingConfig({
    /** L */
    levels: z.int().min(2).default(10),
    /** σ_L and σ_1; data are in [-1, 1] here, which is twice as wide as the paper's. */
    sigmaMin: positive.default(0.02),
    sigmaMax: positive.default(2),
  }),
  sampling: guidedSamplingSchema({ kind: "langevin", steps: 10, spacing: "linspace", clip: null }),
  stages({ levels, sigmaMin, sigmaMax, ...config }, data, seed) {
    const process = noiseProcesses.ve(orderedSigmas({ sigmaMin, sigmaMax }));
    const [clean, noisy] = process.span;
    const scale = (index: number): number => clean + (index / (levels - 1)) * (noisy - clean);
    return [
      denoisingStage(
        {
          name: "ncsn",
          process,
          reading: { prediction: "epsilon", inputScale: edmInputScale(1) },
          objective: scoreObjective,
          times: (n, random) => Array.from(random.integers(0, levels, [n]).data, scale),
          heldOut: Array.from({ length: levels }, (_, index) => scale(index)),
        },
        { config, data, seed },
      ),
    ];
  },
});
