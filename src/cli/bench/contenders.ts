import { type Networks, parameterCount } from "../../train/index.ts";
import type { SamplingChoice } from "../sampling-options.ts";

/** A way from noise to images that others are compared with. */
export interface Contender {
  /** Of its own. */
  readonly name: string;
  /** Contenders of one family are drawn in one colour, and joined in this order. */
  readonly family: string;
  /** A packaged recipe, and the folder of its run. */
  readonly recipe: string;
  /** What is other than in the recipe's way of sampling. */
  readonly sampling: SamplingChoice;
  /** Evaluations of the network that an image takes. */
  readonly evaluations: number;
}

/** Steps of `digits` without guidance, so that each is one evaluation. */
const steps = (
  family: string,
  sampler: "ancestral" | "ddim" | "dpm_multistep",
  ...counts: readonly number[]
): Contender[] =>
  counts.map((count) => ({
    name: `${family} ${count}`,
    family,
    recipe: "digits",
    sampling: { sampler, steps: count, guidance: 1 },
    evaluations: count,
  }));

/**
 * Fast ones that lose quality or diversity, slow ones that lose neither, and those that want all three: the trilemma of
 * Xiao, Kreis and Vahdat (2022). All learn the packaged digits.
 */
export const contenders: readonly Contender[] = [
  { name: "GAN", family: "GAN", recipe: "digits-gan", sampling: {}, evaluations: 1 },
  { name: "VAE", family: "VAE", recipe: "digits-vae", sampling: {}, evaluations: 1 },
  ...steps("DDPM", "ancestral", 1000),
  ...steps("DDIM", "ddim", 10, 20, 50),
  ...steps("DPM-Solver++", "dpm_multistep", 10, 20, 50),
  { name: "DDGAN 4", family: "DDGAN", recipe: "digits-ddgan", sampling: {}, evaluations: 4 },
];

/** The parameters that count for the budget: all that a model trains but its discriminator, which only judges. */
export const budgetOf = ({ discriminator: _, ...networks }: Networks): number => parameterCount(networks);
