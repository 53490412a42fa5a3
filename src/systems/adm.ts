import { z } from "zod";
import { diffusionProcess, scheduleSchema } from "../diffusion/index.ts";
import { defineSystem, earlierStage } from "../train/index.ts";
import { requireLabels } from "./class-labels.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { noiseObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { iddpmObjectives } from "./iddpm.ts";
import { classesOf, noisyClassifier, noisyClassifierSchema } from "./noisy-classifier.ts";

/** Fractions of the timesteps at which the held-out losses are measured. */
const HELD_OUT = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * Classifier guidance (Dhariwal and Nichol 2021): a classifier that knows noised images leads the samples of a denoiser,
 * told their class or not, by s ∇ ln p(y | x_t). The ADM network itself is a U-Net whose blocks resample within
 * (`ResnetDownsampleBlock2D`, `downsample_type: "resnet"`) and whose normalisations are scaled and shifted by time and
 * class (`resnet_time_scale_shift: "scale_shift"`).
 */
const sampling = guidedSamplingSchema({ kind: "ddim" }).extend({
  /** s: how strongly the classifier leads; 0 leaves it aside. */
  classifierScale: z.number().nonnegative().default(1).meta({ unguided: 0 }),
});

export const adm = defineSystem({
  name: "adm",
  summary: "Ablated diffusion models with classifier guidance (Dhariwal and Nichol 2021)",
  headline: "ImageNet: FID 2.97 at 128×128, 4.59 at 256×256, guided",
  config: denoisingConfig({
    schedule: scheduleSchema.prefault({ beta_schedule: "linear" }),
    /** The noise alone, or with it the variance of every reverse step (Nichol and Dhariwal 2021). */
    objective: z.enum(["simple", "hybrid"]).default("simple"),
    classifier: noisyClassifierSchema,
  }),
  sampling,
  stages(config, data, seed) {
    const process = diffusionProcess(config.schedule);
    const learned = config.objective === "hybrid";
    const about = {
      process,
      times: (n, random) => random.integers(0, process.steps, [n]).data,
      heldOut: HELD_OUT.map((fraction) => Math.round(fraction * (process.steps - 1))),
    } satisfies Partial<Parameters<typeof noisyClassifier>[0]>;
    const classifier = noisyClassifier({
      ...about,
      name: "classifier",
      config: config.classifier,
      data,
      seed,
    });
    const diffusion = denoisingStage<z.output<typeof sampling>>(
      {
        ...about,
        name: "diffusion",
        reading: { prediction: "epsilon", learnsVariance: learned },
        objective: learned ? iddpmObjectives.hybrid(process) : noiseObjective,
        ...(learned && { variance: "learned_range" }),
        classifier({ count, labels, sampling }, earlier) {
          const { classifierScale: scale } = sampling;
          requireLabels({ count, labels }, classesOf(data, "classifier"));
          if (!labels || scale === 0) return undefined;
          return { scale, gradient: classifier.gradient(earlierStage(earlier, "classifier"), labels) };
        },
      },
      { config, data, seed },
    );
    return [classifier.stage, diffusion];
  },
});
