import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
import {
  binomialKernel,
  binomialProcess,
  diffusionProcess,
  gaussianKernel,
  type ReverseKernel,
  scheduleSchema,
} from "../diffusion/index.ts";
import { type DataShape, defineSystem } from "../train/index.ts";
import { denoisingConfig } from "./denoising.ts";
import { type LearnedChain, learnedChain } from "./learned-chain.ts";

/** The families of distributions that a chain back may be of. */
const diffusionSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("gaussian"),
    schedule: scheduleSchema.prefault({ num_train_timesteps: 40, beta_start: 1e-3, beta_end: 0.45 }),
  }),
  z.strictObject({
    kind: z.literal("binomial"),
    steps: z.int().positive().default(2000),
    /** How often a bit that is drawn anew is 1. */
    rate: z.number().gt(0).lt(1).default(0.5),
  }),
]);

/** @throws ArgumentError for a family that does not fit the data */
const kernelOf = (
  diffusion: z.output<typeof diffusionSchema>,
  { form = "pictures" }: DataShape,
): ReverseKernel => {
  if (diffusion.kind === "gaussian") return gaussianKernel(diffusionProcess(diffusion.schedule));
  if (form === "bits") return binomialKernel(binomialProcess(diffusion));
  throw new ArgumentError({
    who: "config.diffusion",
    expected: "bits, for binomial diffusion",
    got: form,
    hint: 'set config.diffusion.kind to "gaussian"',
  });
};

const config = denoisingConfig({ diffusion: diffusionSchema });

/** What a recipe of {@link nonequilibrium} trains, with its bound. @throws ArgumentError where data do not fit */
export const nonequilibriumChain = (
  chosen: z.output<typeof config>,
  data: DataShape,
  seed: number,
): LearnedChain => learnedChain(kernelOf(chosen.diffusion, data), { config: chosen, data, seed });

/**
 * Diffusion probabilistic models (Sohl-Dickstein et al. 2015): a chain of noise from data to an equilibrium, and a
 * chain back whose every step is of the same family, normal or Bernoulli, with parameters that a network says.
 */
export const nonequilibrium = defineSystem({
  name: "nonequilibrium",
  summary: "Diffusion probabilistic models with learned steps back (Sohl-Dickstein et al. 2015)",
  headline:
    "heartbeat: at most 2.414 bits a sequence; CIFAR-10: at most 5.40 bits a dimension (as Ho et al. 2020 cite it)",
  config,
  sampling: z.strictObject({}),
  stages: (chosen, data, seed) => [nonequilibriumChain(chosen, data, seed)],
});
