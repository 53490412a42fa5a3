import { diffusionProcess, type NoiseProcess, noiseProcesses, type Prediction } from "../diffusion/index.ts";
import type { Recipe } from "./recipe.ts";
import { orderedSigmas } from "./sigma-range.ts";

/** A denoising network's process, and what its output means there, in terms that diffusers has. */
export interface DiffusersProcess {
  readonly process: NoiseProcess;
  readonly prediction: Prediction;
  readonly sigmaData?: number;
  /** Whether half of the output's channels speak of the variance. */
  readonly learnsVariance?: boolean;
}

/** The process, or why diffusers has nothing like it. */
type Counterpart = DiffusersProcess | { readonly none: string };
type RecipeOf<S extends Recipe["system"]> = Extract<Recipe, { readonly system: S }>;
type Rows = {
  readonly [S in Recipe["system"]]: (recipe: RecipeOf<S>, stage: string) => Counterpart;
};

const chain = (schedule: Parameters<typeof diffusionProcess>[0], learnsVariance = false): Counterpart => ({
  process: diffusionProcess(schedule),
  prediction: "epsilon",
  learnsVariance,
});
const none = (reason: string) => (): Counterpart => ({ none: reason });

/** Continuous times, at which the network sees x at variance 1 and says the noise. */
const unscaled = none(
  "its network sees x at variance 1 and says the noise; ScoreSdeVeScheduler shows networks x itself and takes a score",
);

/** Every system as diffusers would say it. */
const rows: Rows = {
  ddpm: ({ config }) => chain(config.schedule),
  iddpm: ({ config }) => chain(config.schedule, true),
  adm({ config, sampling }, stage) {
    if (stage === "classifier") return { none: "diffusers has no classifier of noised images" };
    if (sampling.classifierScale > 0)
      return { none: "diffusers has no guidance by a classifier (without it: --sampling classifierScale=0)" };
    return chain(config.schedule, config.objective === "hybrid");
  },
  edm: ({ config: { sigmaMin, sigmaMax, sigmaData } }) => ({
    process: noiseProcesses.edm(orderedSigmas({ sigmaMin, sigmaMax })),
    prediction: "edm",
    sigmaData,
  }),
  "rectified-flow": () => ({ process: noiseProcesses.rectified_flow(), prediction: "flow_prediction" }),
  cascade: ({ config }, stage) =>
    stage === "base"
      ? chain(config.schedule)
      : {
          none: "UNet2DModel is not shown a smaller image (the first stage has a folder of its own: …/base)",
        },
  "score-sde": unscaled,
  ncsn: unscaled,
  nonequilibrium: none("diffusers has no chain whose network says the mean and the variance of every step"),
  ddgan: none("diffusers has no network that is told latents beside the time"),
  gan: none("diffusers has no adversarial networks"),
  vae: none("diffusers has no such autoencoder, of a vector without places"),
};

/** What a recipe's stage is in diffusers' terms, or why it is nothing there. */
export const diffusersProcess = (recipe: Recipe, stage: string): Counterpart =>
  (rows[recipe.system] as (recipe: Recipe, stage: string) => Counterpart)(recipe, stage);
