import { Generator, NDArray } from "../../base/index.ts";
import type { DensityName } from "../../data/index.ts";
import {
  type BetaSchedule,
  CLEAN,
  diffusionProcess,
  type GaussianMixture,
  type Level,
  scheduleSchema,
} from "../../diffusion/index.ts";
import { arrows, latticeOf, type Mark } from "../../formats/index.ts";
import { type SamplerKind, samplerKinds } from "../../samplers/index.ts";
import { choice, integer, text } from "../command.ts";
import { type Cell, captionedGrid } from "./captioned-grid.ts";
import { classDots, classesOf, densityField, openDensity, REACH } from "./density-options.ts";
import { evenly } from "./evenly.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";
import { imagesPicture } from "./reverse-images.ts";
import { shading } from "./shading.ts";
import { type Walk, walk } from "./walk.ts";

export const reverseCommand = definePicture({
  name: "reverse",
  summary: "Watch noise become data: points in the plane, or images of a model",
  description: `Sampling starts from noise, x_T ~ N(0, I), and takes it away step by step,
    p(x_{t-1} | x_t) = N(mu(x_t, t), Sigma_t),
where the mean follows from an estimate of the clean sample. For the densities
here the best estimate, E[x_0 | x_t], has a closed form, so nothing is learned.
The first row shows points x_t over the density they are drawn from at that
level, with arrows along its score
    grad log p_t(x) = (alpha_t E[x_0 | x_t = x] - x) / sigma_t^2,
scaled by sigma_t and shortened to fit. (ddim, the default, adds no noise on the
way; ancestral draws from p.) The second row shows what each point is
estimated to become: at first all lie at the mean, then they part. Colours tell
the class that a point ends in, so that noise shows what it will be.

With --model the same two rows are drawn for images of a trained run.`,
  options: {
    density: densityField("two_moons"),
    model: text("images of this run or checkpoint instead of a density", { value: "run" }),
    sampler: choice("how noise becomes data (of a model: default its own)", samplerKinds),
    steps: integer("steps of the sampler (default: 100, of a model its own)", { least: 1 }),
    panels: integer("moments to show, evenly over the steps (default: 6, of a model 9)", { least: 2 }),
    points: integer<number>("points in the plane", { least: 1, fallback: 600 }),
    count: integer<number>("images of the model", { least: 1, fallback: 2 }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain reverse", "two moons out of noise, in explain-reverse.svg"],
    ["undiffuse explain reverse --density swiss_roll --sampler ancestral", "the chain with fresh noise"],
    ["undiffuse explain reverse --model runs/digits --out digits.png", "what a run draws, and when it knows"],
  ],
  rules: { model: { excludes: ["density", "points"], enables: ["count"] } },
  draw: ({ model, ...request }) =>
    model === undefined ? pointsPicture(request) : imagesPicture({ model, ...request }),
});

interface Request {
  readonly density: DensityName | undefined;
  readonly sampler: SamplerKind | undefined;
  readonly steps: number | undefined;
  readonly panels: number | undefined;
  readonly points: number;
  readonly seed: number;
}

/** Its signal falls evenly, so that panels at even steps all show something. */
const SCHEDULE: BetaSchedule = "squaredcos_cap_v2";

const pointsPicture = async ({ density, points, seed, ...request }: Request): Promise<Picture> => {
  const { sampler = "ddim", steps = 100, panels = 6 } = request;
  const data = openDensity(density as DensityName);
  const { whole } = data;
  const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: SCHEDULE }));
  const x = new Generator(seed).normal([points, 2]);
  const walked = await walk(whole.denoiser, x, {
    process,
    sampler: { kind: sampler, steps },
    seed: seed + 1,
  });
  const moments = evenly(panels, { who: "--panels", count: walked.states.length });
  const labels = classesOf(data, walked.end);
  const columns = await Promise.all(moments.map((moment) => columnOf(whole, walked, { moment, labels })));
  const svg = await captionedGrid({
    title: "The reverse process",
    subtitle: `Points flow from noise to data along the score (arrows), coloured by where they end: ${density}, ${sampler}, ${steps} steps.\nBelow, what each point is expected to become: at first all the mean, then each a place of its own.`,
    headings: columns.map(({ level }) => headingOf(level)),
    rows: [
      { name: "xₜ", note: "over its density pₜ", cells: columns.map(({ state }) => state) },
      { name: "E[x₀ | xₜ]", note: "over the data", cells: columns.map(({ estimate }) => estimate) },
    ],
    side: 168,
  });
  return { svg };
};

const headingOf = (level: Level): string =>
  level.sigma === 0 ? "data" : `t = ${Math.round(level.t)}, σ = ${level.sigma.toFixed(2)}`;

/** Both cells of a moment. */
const columnOf = async (
  density: GaussianMixture,
  { levels, states }: Walk,
  { moment, labels }: { readonly moment: number; readonly labels: readonly number[] },
) => {
  const level = levels[moment] as Level;
  const x = states[moment] as NDArray;
  const { x0 } = level.sigma === 0 ? { x0: x } : await density.denoiser(x, level);
  const over = (at: Level, ...marks: readonly Mark[]): Cell => ({
    plane: { reach: REACH, marks: [shading((points) => density.logDensity(points, at)), ...marks] },
  });
  const field = level.sigma === 0 ? [] : [await scoreField(density, level)];
  return {
    level,
    state: over(level, ...field, classDots(x, labels)),
    estimate: over(CLEAN, classDots(x0, labels)),
  };
};

/** Arrows a side. */
const ARROWS = 10;

/** The score times sigma, which is −E[ε | x]; arrows longer than their cell are shortened to it. */
const scoreField = async ({ denoiser }: GaussianMixture, level: Level): Promise<Mark> => {
  const at = NDArray.of(latticeOf(REACH, ARROWS), [ARROWS * ARROWS, 2]);
  const { eps = at } = await denoiser(at, level);
  const cell = (2 * REACH) / ARROWS;
  const vectors = eps.split().flatMap(({ data: [dx = 0, dy = 0] }) => {
    const length = Math.min(0.9, 0.35 * Math.hypot(dx, dy)) * cell;
    const factor = -length / Math.max(Math.hypot(dx, dy), 1e-9);
    return [factor * dx, factor * dy];
  });
  return arrows(at, NDArray.of(vectors, at.shape), { width: 0.9, opacity: 0.55 });
};
