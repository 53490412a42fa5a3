import { Generator, NDArray } from "../../base/index.ts";
import type { DensityName } from "../../data/index.ts";
import { CLEAN, diffusionProcess, gaussianMixture, scheduleSchema } from "../../diffusion/index.ts";
import { dots, type Mark, trails } from "../../formats/index.ts";
import { integer, text } from "../command.ts";
import { captionedGrid, type Row } from "./captioned-grid.ts";
import { type ClassifiedDensity, colourOf, densityField, openDensity, REACH } from "./density-options.ts";
import { interpolatedImages } from "./interpolation-images.ts";
import { type Way, wayNames, ways } from "./interpolation-ways.ts";
import { normChart } from "./norm-chart.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";
import { medianNorm } from "./point-statistics.ts";
import { shading } from "./shading.ts";
import { stacked } from "./stacked.ts";
import { walk } from "./walk.ts";

export const interpolationCommand = definePicture({
  name: "interpolation",
  summary: "Compare linear and spherical interpolation between two draws of noise",
  description: `A deterministic sampler turns each noise into one sample, so that between two
noises a and b lie samples between two samples. On the straight line,
    lerp(a, b; s) = (1 - s) a + s b,
the middle has only half the variance of noise: in d dimensions its norm is
sqrt(d / 2) where all noise has nearly sqrt(d), which no network was trained on.
The great circle keeps the norm (Shoemake 1985; Song, Meng and Ermon 2021):
    slerp(a, b; s) = (sin((1 - s) w) a + sin(s w) b) / sin w,  cos w = a b / |a||b|.

The picture shows some pairs on their way, then the middles of many pairs: on
straight lines they crowd, and their samples leave the outside of the data out.
(In the plane some pairs lie nearly opposite, where circles overshoot; in many
dimensions all pairs are at right angles.) The charts show the norms, also in
as many dimensions as images have.

With --model the two rows are images of a trained run between two seeds.`,
  options: {
    density: densityField("checkerboard"),
    model: text("images of this run or checkpoint instead of a density", { value: "run" }),
    steps: integer("steps of DDIM (default: 50; of a model its own)", { least: 1 }),
    points: integer<number>("pairs of points, of whose middles samples are made", {
      least: 2,
      fallback: 600,
    }),
    dimensions: integer<number>("d of the chart's left panel", { least: 2, fallback: 3072 }),
    columns: integer<number>("images of the model between the two ends, ends included", {
      least: 3,
      fallback: 9,
    }),
    seed: integer<number>("seed of the first noise", { fallback: 0 }),
    to: integer("seed of the model's second noise (default: the one after --seed)"),
  },
  examples: [
    ["undiffuse explain interpolation", "a checkerboard, in explain-interpolation.svg"],
    ["undiffuse explain interpolation --model runs/digits --seed 3 --to 12", "from one digit to another"],
  ],
  rules: { model: { excludes: ["density", "points", "dimensions"], enables: ["columns", "to"] } },
  async draw({ model, density, dimensions, columns, to, points, ...request }): Promise<Picture> {
    const { seed } = request;
    if (model !== undefined) return interpolatedImages({ model, columns, to: to ?? seed + 1, ...request });
    const data = openDensity(density as DensityName);
    const title = "Between two draws of noise";
    const grid = await pointsGrid(data, { title, points, ...request });
    return { svg: stacked(title, [grid, await normChart({ dimensions, seed })]) };
  },
});

interface Request {
  readonly title: string;
  readonly steps: number | undefined;
  readonly points: number;
  readonly seed: number;
}

const pointsGrid = async (
  data: ClassifiedDensity,
  { title, points, seed, steps = 50 }: Request,
): Promise<string> => {
  const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2" }));
  const sample = async (x: NDArray): Promise<NDArray> =>
    (await walk(data.whole.denoiser, x, { process, sampler: { kind: "ddim", steps }, seed })).end;
  const ends = [0, 1].map((k) => new Generator(seed + k).normal([points, 2])) as [NDArray, NDArray];
  const rows: Row[] = [];
  for (const way of wayNames) rows.push(await rowOf(way, { ends, sample, data }));
  return captionedGrid({
    title,
    subtitle: `Left, some pairs on their way; right, the middles of ${points} pairs (${data.name}).\nOn straight lines the middles crowd near 0, and their samples leave the outside of the data out.\nOn circles they keep their distance; pairs that lie opposite overshoot, which does not happen in many dimensions.`,
    headings: ["noise of some pairs", "their samples", "noise of the middles", "their samples"],
    rows,
    side: 180,
  });
};

interface Material {
  readonly ends: readonly [NDArray, NDArray];
  readonly sample: (x: NDArray) => Promise<NDArray>;
  readonly data: ClassifiedDensity;
}

/** Pairs drawn on their way, and where they are shown. */
const PAIRS = 5;
const SHARES = Array.from({ length: 41 }, (_, k) => k / 40);
/** What noise is drawn from. */
const noise = gaussianMixture([{ weight: 1, mean: [0, 0], deviation: 1 }]);

const rowOf = async (name: Way, { ends: [a, b], sample, data }: Material): Promise<Row> => {
  const way = ways[name];
  const few = Math.min(PAIRS, a.shape[0] ?? 0);
  const states = SHARES.map((share) => way(a.rows(0, few), b.rows(0, few), share));
  const samples = (await sample(NDArray.concat(states))).reshape([SHARES.length, few, 2]).split();
  const middles = way(a, b, 0.5);
  const made = await sample(middles);
  const over = ({ logDensity }: ClassifiedDensity["whole"], ...marks: readonly Mark[]) => ({
    reach: REACH,
    marks: [shading((points) => logDensity(points, CLEAN)), ...marks],
  });
  const caption = (points: NDArray) => `median norm ${medianNorm(points).toFixed(2)}`;
  const many = (points: NDArray) => dots(points, { colour: colourOf(0), opacity: 0.8 });
  return {
    name,
    note: "",
    cells: [
      { caption: "from dot to dot", plane: over(noise, ...onTheWay(states)) },
      { caption: "a dot for each noise", plane: over(data.whole, ...onTheWay(samples)) },
      { caption: caption(middles), plane: over(noise, many(middles)) },
      { caption: caption(made), plane: over(data.whole, many(made)) },
    ],
  };
};

/** Ways of points, each in its own colour, with the ends as larger dots. */
const onTheWay = (states: readonly NDArray[]): Mark[] => {
  const of = (k: number) => states.map((state) => state.rows(k, k + 1));
  return Array.from({ length: states[0]?.shape[0] ?? 0 }, (_, k): Mark[] => {
    const way = of(k);
    const colour = colourOf(k);
    const ends = NDArray.concat([way[0], way.at(-1)].flatMap((end) => end ?? []));
    return [
      trails(way, { colour, opacity: 0.5 }),
      dots(NDArray.concat(way), { colour }),
      dots(ends, { colour, width: 7 }),
    ];
  }).flat();
};
