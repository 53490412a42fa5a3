import { z } from "zod";
import {
  type ContinuousProcess,
  edmInputScale,
  lambdaOf,
  type NetworkOptions,
  noiseProcesses,
} from "../diffusion/index.ts";
import { defineSystem } from "../train/index.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { predictionObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { orderedSigmas } from "./sigma-range.ts";

const positive = z.number().positive();
const preserving = {
  betaMin: positive.default(0.1),
  betaMax: positive.default(20),
  /** The earliest time: of VP's and sub-VP's ends the one without noise. */
  clean: positive.max(0.5).default(1e-3),
};

/** The stochastic differential equation that takes data to noise; the defaults are the paper's. */
const sdeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("vp"), ...preserving }),
  z.strictObject({ kind: z.literal("sub_vp"), ...preserving }),
  z.strictObject({ kind: z.literal("ve"), sigmaMin: positive.default(0.01), sigmaMax: positive.default(50) }),
]);

const processOf = (sde: z.output<typeof sdeSchema>): ContinuousProcess =>
  sde.kind === "ve" ? noiseProcesses.ve(orderedSigmas(sde)) : noiseProcesses[sde.kind](sde);

/** The time at a share of the way from data to noise. */
type Course = (process: ContinuousProcess) => (share: number) => number;

const between = (share: number, from: number, to: number): number => from + share * (to - from);

/**
 * How often times are drawn, which is what the error of ε counts at them: all alike, or as the bound on the likelihood
 * weighs them, g² / 2σ² (Song et al. 2021b, theorem 1 and section 4.3). As g² / σ² is the derivative of −2λ, those are
 * even in λ = ln(α / σ). Times of VE are so in either way.
 */
const courses = {
  uniform:
    ({ span: [clean, noisy] }) =>
    (share) =>
      between(share, clean, noisy),
  likelihood(process) {
    const [clean, noisy] = process.span;
    const [high, low] = [lambdaOf(process.level(clean)), lambdaOf(process.level(noisy))];
    // Rounding may lead beyond an end.
    return (share) => Math.min(Math.max(process.time(between(share, high, low)), clean), noisy);
  },
} as const satisfies Readonly<Record<string, Course>>;

/** Fractions of the time at which the held-out loss is measured. */
const HELD_OUT = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * Score-based modelling by stochastic differential equations (Song et al. 2021): dx = f x dt + g dw, its score learned
 * at continuous times by denoising (eq. 7) as s = −ε̂ / σ, which is the weight σ² of the score's error, or with that of
 * the likelihood, g² (Song et al. 2021b). The network sees x at variance 1; in the paper x of VE as it is.
 */
export const scoreSde = defineSystem({
  name: "score-sde",
  summary: "Score-based generative modeling through stochastic differential equations (Song et al. 2021)",
  headline: "CIFAR-10: FID 2.20 (VE), 2.99 bits a dimension (sub-VP)",
  config: denoisingConfig({
    sde: sdeSchema,
    weighting: z.enum(Object.keys(courses) as (keyof typeof courses)[]).default("uniform"),
  }),
  sampling: guidedSamplingSchema({ kind: "predictor_corrector", steps: 1000, clip: null }),
  stages({ sde, weighting, ...config }, data, seed) {
    const process = processOf(sde);
    const timeAt = courses[weighting](process);
    const reading: NetworkOptions = { prediction: "epsilon", inputScale: edmInputScale(1) };
    return [
      denoisingStage(
        {
          name: "score-sde",
          process,
          reading,
          objective: predictionObjective(reading),
          times: (n, random) => random.uniform([n]).data.map(timeAt),
          heldOut: HELD_OUT.map(courses.uniform(process)),
        },
        { config, data, seed },
      ),
    ];
  },
});
