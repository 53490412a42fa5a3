import type { Recipe } from "./recipe.ts";
import type { TrainedStage } from "./trained-stage.ts";

type RecipeOf<S extends Recipe["system"]> = Extract<Recipe, { readonly system: S }>;
type Calls = { readonly [S in Recipe["system"]]: (recipe: RecipeOf<S>, stage: string) => string };

const NOISED = "sample = alpha x0 + sigma eps";
const chain = `${NOISED} at timestep t = 0 … T − 1 of the recipe's schedule, alpha = √ᾱ_t; out_sample = eps`;
const withVariance = `${chain}, then as many channels v: ln variance of the step back = f ln beta_t + (1 − f) ln beta~_t, f = (v + 1) / 2`;
const standardised = "sample = (alpha x0 + sigma eps) / √(alpha² + sigma²)";
const exploding = `${standardised}, alpha = 1; timestep = ln(sigma) / 4; out_sample = eps`;
const latents = "latents from N(0, 1); images in [-1, 1]";

/** What inputs and output of every system's network mean. */
const calls: Calls = {
  ddpm: () => chain,
  iddpm: () => withVariance,
  adm({ config }, stage) {
    if (stage === "classifier")
      return `${NOISED} at timestep t of the recipe's schedule; logits of the classes`;
    return config.objective === "hybrid" ? withVariance : chain;
  },
  edm: ({ config: { sigmaData: d } }) =>
    `x = x0 + sigma eps; sample = x / √(sigma² + ${d}²), timestep = ln(sigma) / 4; ` +
    `x0 = ${d}² / (sigma² + ${d}²) x + ${d} sigma / √(sigma² + ${d}²) out_sample`,
  "rectified-flow": () => "sample = (1 − t) x0 + t eps; timestep = 1000 t; out_sample = eps − x0",
  "score-sde": ({ config: { sde } }) =>
    sde.kind === "ve"
      ? exploding
      : `${standardised} at time u of 0 … 1 (${sde.kind}); timestep = 999 u; out_sample = eps`,
  ncsn: () => exploding,
  nonequilibrium: () =>
    "sample = x_t; timestep = t; out_sample = the parameters of the step to x_(t−1), each in the channels of x",
  cascade: (_, stage) =>
    stage === "base"
      ? chain
      : `${chain}; low = an image of fewer pixels, changed as far as level, in units of timesteps, says`,
  ddgan: () => `sample = x_t; timestep = t; ${latents.replace("images", "images x0")}`,
  gan: () => latents,
  vae: () => latents,
};

const FOURIER = "; but timestep = sigma / alpha, and out_sample is divided by it already";

/** How a stage's network is called, in a sentence. @param rows of its table of classes, if it has one */
export const onnxCall = (
  { recipe, stage, checkpoint: { header } }: TrainedStage,
  rows: number | undefined,
): string => {
  const call = (calls[recipe.system] as (recipe: Recipe, stage: string) => string)(recipe, stage.name);
  const { network } = recipe.config as { readonly network?: { readonly time_embedding_type?: string } };
  const classes = header.classes?.length ?? 0;
  return [
    call,
    network?.time_embedding_type === "fourier" ? FOURIER : "",
    rows ? `; class_labels: 0 … ${classes - 1}${rows > classes ? `, ${classes} for none` : ""}` : "",
  ].join("");
};
