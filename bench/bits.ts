// Bits per dimension of held-out pictures by a run whose network learned the variance of its reverse steps (iddpm): the
// bound with that variance and with DDPM's two fixed ones, on the same draws, and the probability-flow ODE:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/bits.ts runs/digits-iddpm [images]
import { Generator, Streams } from "../src/base/index.ts";
import { openDataset, split, toUnit } from "../src/data/index.ts";
import {
  clipped,
  type Denoised,
  type Denoiser,
  elbo,
  isDiscrete,
  type ReverseVariance,
} from "../src/diffusion/index.ts";
import { bitsByOde } from "../src/evaluation/index.ts";
import { openTrained } from "../src/systems/index.ts";

const RULES: readonly ReverseVariance[] = ["learned_range", "fixed_small", "fixed_large"];

const [, , path = "runs/digits-iddpm", images = "32"] = process.argv;
const model = await openTrained(path, { threads: 1 });
const { data, training } = model.recipe;
const { heldOut } = split(
  await openDataset(data),
  training.heldOut,
  new Streams(training.seed).get("held-out images"),
);
const x = heldOut.images.rows(0, Number(images));
const labels = model.stage.conditional ? heldOut.labels?.rows(0, Number(images)).data : undefined;
const density = model.density(labels && [...labels]);
if (!density || !isDiscrete(density.process)) throw new Error("expected a chain");
const chain = density.process;

/** What the network says of a timestep, once: each rule is asked with the same draws of x. */
const said = new Map<number, Promise<Denoised>>();
const denoiser: Denoiser = (noised, level) => {
  const known = said.get(level.t) ?? clipped(density.denoiser)(noised, level);
  said.set(level.t, known);
  return known;
};

console.log(`step ${model.checkpoint.header.step}, ${images} held-out images, ${chain.steps} timesteps`);
console.log("| variance | bits per dimension | standard error | L_0 | L_1 + … + L_{T−1} | L_T |");
console.log("|---|---|---|---|---|---|");
for (const variance of RULES) {
  const bound = await elbo(toUnit(x), { denoiser, process: chain, generator: new Generator(0), variance });
  const { total, standardError, reconstruction, prior } = bound;
  const between = total - reconstruction - prior;
  const columns = [total, standardError, reconstruction, between, prior].map((value) => value.toFixed(4));
  console.log(`| ${variance} | ${columns.join(" | ")} |`);
}
const ode = await bitsByOde(x, { ...density, seed: 0 });
const [low, high] = ode.interval ?? [Number.NaN, Number.NaN];
console.log(`the ODE: ${ode.value.toFixed(4)}, 95% from ${low.toFixed(4)} to ${high.toFixed(4)}`);
await model.close();
