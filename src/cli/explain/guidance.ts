import { Generator, NDArray } from "../../base/index.ts";
import type { DensityName } from "../../data/index.ts";
import { CLEAN, classifierFree, diffusionProcess, scheduleSchema } from "../../diffusion/index.ts";
import { dots, type Mark } from "../../formats/index.ts";
import { integer, text } from "../command.ts";
import { type Cell, captionedGrid } from "./captioned-grid.ts";
import {
  type ClassifiedDensity,
  classDots,
  classesOf,
  colourOf,
  densityField,
  openDensity,
} from "./density-options.ts";
import { guidedImages } from "./guidance-images.ts";
import { numbersField, numbersIn } from "./number-list.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";
import { deviationOf } from "./point-statistics.ts";
import { shading } from "./shading.ts";
import { walk } from "./walk.ts";

export const guidanceCommand = definePicture({
  name: "guidance",
  summary: "Show what guidance does to samples: points in the plane, or images of a model",
  description: `Classifier-free guidance (Ho and Salimans 2022) goes beyond the class:
    guided = u + s (c - u),
where u is the estimate without a class, c with it, and s the guidance. s = 0
ignores the class, s = 1 samples it as it is, more exaggerates what tells the
class from the others: samples move away from where classes overlap and crowd.
Quality is bought with diversity.

The first row shows samples of all classes, over the density of all; the second
one class and, as shading, the density p(x | c)^s p(x)^(1 - s) that guidance is
often said to sample. It does so at s = 0 and s = 1; elsewhere the noised
versions of that density have other scores.

With --model each row holds images of a trained run at one guidance.`,
  options: {
    density: densityField("three_clouds"),
    model: text("images of this run or checkpoint instead of a density", { value: "run" }),
    guidance: numbersField("how strongly the class steers, with commas", "0,1,3,7"),
    steps: integer("steps of DDIM (default: 100; of a model its own)", { least: 1 }),
    points: integer<number>("points of each class", { least: 2, fallback: 250 }),
    count: integer<number>("images of the model at each guidance", { least: 1, fallback: 10 }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain guidance", "three clouds that overlap, in explain-guidance.svg"],
    ["undiffuse explain guidance --density two_moons --guidance 1,2,4", "other classes, other strengths"],
    ["undiffuse explain guidance --model runs/digits --out digits.png", "the classes of a run"],
  ],
  rules: { model: { excludes: ["density", "points"], enables: ["count"] } },
  async draw({ model, guidance, density, ...request }): Promise<Picture> {
    const scales = numbersIn(guidance, { who: "--guidance", least: 0 });
    if (model !== undefined) return guidedImages({ model, scales, ...request });
    return guidedPoints(openDensity(density as DensityName), { scales, ...request });
  },
});

interface Request {
  readonly scales: readonly number[];
  readonly steps: number | undefined;
  readonly points: number;
  readonly seed: number;
}

/** Wider than the densities, since guidance leaves them. */
const REACH = 4;

const guidedPoints = async (
  data: ClassifiedDensity,
  { scales, steps = 100, points, seed }: Request,
): Promise<Picture> => {
  const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2" }));
  const sample = async (label: number, scale: number): Promise<NDArray> => {
    const { denoiser } = data.classes[label] ?? data.whole;
    const start = new Generator(seed + label).normal([points, 2]);
    const guided = classifierFree(denoiser, data.whole.denoiser, scale);
    return (await walk(guided, start, { process, sampler: { kind: "ddim", steps }, seed })).end;
  };
  const columns: Column[] = [];
  for (const scale of scales) {
    const ends: NDArray[] = [];
    for (const label of data.classes.keys()) ends.push(await sample(label, scale));
    columns.push(columnOf(data, scale, ends));
  }
  const svg = await captionedGrid({
    title: "Classifier-free guidance",
    subtitle:
      "u + s (c − u): more guidance moves samples away from where classes overlap, and makes them alike.\nBelow, the first class over p(x | c)ˢ p(x)¹⁻ˢ, which guidance is often said to sample: it does at s = 0 and 1.",
    headings: scales.map(headingOf),
    rows: [
      { name: "all classes", note: "over p(x)", cells: columns.map(({ all }) => all) },
      { name: "one class", note: "over the tilted density", cells: columns.map(({ one }) => one) },
    ],
    side: 200,
  });
  return { svg, readings: columns.map(({ reading }) => reading) };
};

const headingOf = (scale: number): string => {
  const meaning = scale === 0 ? " (no class)" : scale === 1 ? " (the class as it is)" : "";
  return `s = ${scale}${meaning}`;
};

interface Column {
  readonly all: Cell;
  readonly one: Cell;
  readonly reading: string;
}

/** Both cells of a guidance, from the samples of each class. */
const columnOf = (data: ClassifiedDensity, scale: number, ends: readonly NDArray[]): Column => {
  const over = (logDensity: (points: NDArray) => ArrayLike<number>, ...marks: readonly Mark[]) => ({
    reach: REACH,
    marks: [shading(logDensity), ...marks],
  });
  const labels = ends.flatMap((end, label) => Array<number>(end.shape[0] ?? 0).fill(label));
  const right = classesOf(data, NDArray.concat(ends)).filter((label, k) => label === labels[k]).length;
  const share = `${Math.round((100 * right) / labels.length)}% look like their class`;
  const spread = `deviation ${deviationOf(ends[0] as NDArray).toFixed(2)}`;
  return {
    all: {
      caption: share,
      plane: over((points) => data.whole.logDensity(points, CLEAN), classDots(NDArray.concat(ends), labels)),
    },
    one: {
      caption: spread,
      plane: over(tilted(data, scale), dots(ends[0] as NDArray, { colour: colourOf(0), opacity: 0.8 })),
    },
    reading: `guidance ${scale}: ${share}; the first has ${spread}`,
  };
};

/** ln p(x | c)^s p(x)^(1 − s) of the first class, up to a constant. */
const tilted =
  ({ whole, classes }: ClassifiedDensity, scale: number) =>
  (points: NDArray): Float64Array => {
    const all = whole.logDensity(points, CLEAN);
    const own = (classes[0] ?? whole).logDensity(points, CLEAN);
    return own.map((log, k) => scale * log + (1 - scale) * (all[k] as number));
  };
