import { Generator, type NDArray } from "../../base/index.ts";
import type { DensityName } from "../../data/index.ts";
import {
  CLEAN,
  type Elbo,
  elbo,
  type GaussianMixture,
  type reverseVariances,
} from "../../diffusion/index.ts";
import { type LineChart, lineChart, type Series } from "../../formats/index.ts";
import { choice, integer, text } from "../command.ts";
import { densityField, openDensity } from "./density-options.ts";
import { runElboPicture } from "./elbo-run.ts";
import { type NamedProcess, namedProcesses } from "./named-processes.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";

const fixedVariances = [
  "fixed_small",
  "fixed_large",
] as const satisfies readonly (keyof typeof reverseVariances)[];

export const elboCommand = definePicture({
  name: "elbo",
  summary: "Draw the terms of the variational bound over the timesteps",
  description: `The bound on the likelihood falls into one term a step (Ho et al. 2020, eq. 5):
    -log p(x_0) <= L_0 + L_1 + … + L_T,
    L_T      KL(q(x_T | x_0) || N(0, I)): what is left of the data in the noise
    L_t      KL(q(x_t | x_{t+1}, x_0) || p(x_t | x_{t+1})): an error of the step
    L_0      -log p(x_0 | x_1): how well the last step says the data
all in bits per dimension. Points of the plane have a density, so that their
L_0 may be negative. The denoiser is exact (E[x_0 | x_t] of a mixture of normal
distributions), and so is -log p(x_0), drawn as a dashed line. The bound ends
above it since the steps are not infinitely small and their variance is fixed:
--variance fixed_large fits smooth data better, and comes close.

With --model the terms of a run come from the losses that its training last
measured on held-out images: L_t = (SNR_{t-1} / SNR_t - 1) / 2 · E|eps - eps'|^2
a dimension, for a network that predicts eps and the variance fixed_small. L_0
and L_T are not among what training measures.`,
  options: {
    density: densityField("two_moons"),
    model: text("a run, from its held-out losses, instead of a density", { value: "run" }),
    schedules: text<string>("which, with commas", { value: "names", fallback: "linear,squaredcos_cap_v2" }),
    timesteps: integer<number>("T", { least: 2, fallback: 1000 }),
    variance: choice("of the reverse step", fixedVariances, { fallback: "fixed_small" }),
    points: integer<number>("draws of the density", { least: 2, fallback: 200 }),
    seed: integer<number>("seed of the draws and their noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain elbo", "two schedules on two moons, in explain-elbo.svg"],
    ["undiffuse explain elbo --timesteps 50", "larger steps, a looser bound"],
    ["undiffuse explain elbo --model runs/digits", "where a run spends its bits"],
  ],
  rules: {
    model: { excludes: ["density", "schedules", "timesteps", "variance", "points", "seed"] },
  },
  draw: ({ model, ...request }) =>
    model === undefined ? densityElbo(request as Request) : runElboPicture(model),
});

interface Request {
  readonly density: DensityName;
  readonly schedules: string;
  readonly timesteps: number;
  readonly variance: (typeof fixedVariances)[number];
  readonly points: number;
  readonly seed: number;
}

interface Bound extends NamedProcess {
  readonly elbo: Elbo;
}

const densityElbo = async ({
  density,
  schedules,
  timesteps,
  variance,
  points,
  seed,
}: Request): Promise<Picture> => {
  const { whole } = openDensity(density);
  const x0 = whole.sample(points, new Generator(seed));
  const bounds: Bound[] = [];
  for (const named of namedProcesses(schedules, { timesteps })) {
    const { process } = named;
    const options = { denoiser: whole.denoiser, process, variance, decoder: { kind: "continuous" } } as const;
    bounds.push({ ...named, elbo: await elbo(x0, { ...options, generator: new Generator(seed + 1) }) });
  }
  const truth = entropyOf(whole, x0);
  return {
    svg: await lineChart(chartOf(bounds, { truth, density })),
    readings: bounds.map(readingOf(truth)),
  };
};

/** −log p of the draws in bits per dimension, on average. */
const entropyOf = (density: GaussianMixture, x0: NDArray): number => {
  const logs = density.logDensity(x0, CLEAN);
  return -logs.reduce((sum, log) => sum + log, 0) / (x0.size * Math.LN2);
};

const chartOf = (
  bounds: readonly Bound[],
  { truth, density }: { readonly truth: number; readonly density: DensityName },
): LineChart => {
  const series = (of: (elbo: Elbo) => ArrayLike<number>): Series[] =>
    bounds.map(({ name, elbo: bound }) => ({ name, x: timesOf(bound), y: of(bound) }));
  const [first] = bounds;
  const scales = { xLabel: "timestep t", xScale: "log" } as const;
  return {
    title: "The variational bound, term by term",
    subtitle: `Bits per dimension of ${density}, with the exact denoiser: most are spent near the data.\nThe sum ends above −log p(x₀), the dashed line: steps are not infinitely small, and their variance is fixed.`,
    panels: [
      { ...scales, title: "Lₜ: cost of the step from t to t − 1", yScale: "log", series: series(termsOf) },
      {
        ...scales,
        title: "L₀ + … + Lₜ, from the data up",
        series: [
          ...series(sumsOf),
          {
            name: "−log p(x₀)",
            x: first ? timesOf(first.elbo) : [],
            y: first ? timesOf(first.elbo).map(() => truth) : [],
            style: "dashed",
          },
        ],
      },
    ],
  };
};

/** From 1 on: a logarithmic axis has no place for L_0, which is no error of a step either. */
const timesOf = ({ terms }: Elbo): number[] => Array.from(terms.subarray(1), (_, k) => k + 1);

const termsOf = ({ terms }: Elbo): Float64Array => terms.subarray(1);

/** L_0 + … + L_t from t = 1 on. */
const sumsOf = ({ terms, reconstruction }: Elbo): Float64Array => {
  let sum = reconstruction;
  return terms.subarray(1).map((term) => {
    sum += term;
    return sum;
  });
};

const readingOf =
  (truth: number) =>
  ({ name, elbo: { reconstruction, prior, total, standardError } }: Bound): string =>
    `${name}: ${total.toFixed(3)} ± ${standardError.toFixed(3)} bits per dimension, ${(total - truth).toFixed(3)} above −log p(x_0); L_0 ${reconstruction.toFixed(3)}, L_T ${prior.toExponential(1)}`;
