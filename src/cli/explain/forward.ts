import { Generator, type NDArray } from "../../base/index.ts";
import { openDigits, toPixels, toUnit } from "../../data/index.ts";
import { qSample } from "../../diffusion/index.ts";
import { decodeImage, powerOfTen } from "../../formats/index.ts";
import { defineCommand, integer, text, UsageError } from "../command.ts";
import { captionedGrid } from "./captioned-grid.ts";
import { type NamedProcess, namedProcesses, scheduleNames } from "./named-processes.ts";
import { checkPicturePath, writePicture } from "./picture.ts";

export const forwardCommand = defineCommand({
  name: "forward",
  summary: "Noise an image step by step under each schedule",
  description: `Each column is a timestep, each row a schedule:
    x_t = sqrt(alphaBar_t) x_0 + sqrt(1 - alphaBar_t) eps,  eps ~ N(0, I),
with the same eps everywhere, so that cells differ in nothing but their noise
level (Ho et al. 2020, eq. 4). Below each picture stands alphaBar_t, the share
of its variance that is signal.`,
  arguments: {},
  options: {
    out: text<string>("where to write: .svg or .png", {
      short: "o",
      value: "file",
      fallback: "explain-forward.svg",
    }),
    image: text("a picture of your own (default: a handwritten digit)", { value: "file" }),
    size: integer("side in pixels (default: 64; the digit's is 32, or 16)", { least: 4 }),
    schedules: text<string>("which, with commas", { value: "names", fallback: scheduleNames.join(",") }),
    timesteps: integer<number>("T", { least: 2, fallback: 1000 }),
    columns: integer("timesteps to show, evenly from 0 to T - 1 (default: 9, T if that is less)", {
      least: 2,
    }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain forward", "a digit, in explain-forward.svg"],
    ["undiffuse explain forward --image cat.jpg --size 128 --out cat.png", "your own picture"],
  ],
  async run({ out, image, size, schedules, timesteps, columns, seed }) {
    checkPicturePath(out);
    const processes = namedProcesses(schedules, { timesteps });
    const times = evenly(columns ?? Math.min(9, timesteps), timesteps);
    const x0 =
      image === undefined
        ? await firstDigit(size)
        : await decodeImage(image, { size: size ?? 64, channels: 3 });
    const clean = toUnit(x0);
    const eps = new Generator(seed).normal(clean.shape);
    const grid = {
      title: "The forward process",
      subtitle: "xₜ = √ᾱₜ x₀ + √(1 − ᾱₜ) ε, with the same ε in every cell",
      headings: times.map((t) => `t = ${t}`),
      rows: processes.map((named) => noised(named, { clean, eps, times })),
    };
    await writePicture(out, await captionedGrid(grid));
  },
});

const MOST_COLUMNS = 50;

/** Timesteps from 0 to T − 1. */
const evenly = (columns: number, timesteps: number): number[] => {
  const most = Math.min(MOST_COLUMNS, timesteps);
  if (columns > most)
    throw new UsageError({ who: "--columns", expected: `2 to ${most}`, got: String(columns) });
  return Array.from({ length: columns }, (_, k) => Math.round((k * (timesteps - 1)) / (columns - 1)));
};

interface Material {
  /** In [-1, 1]. */
  readonly clean: NDArray;
  readonly eps: NDArray;
  readonly times: readonly number[];
}

/** A row: the image at each time. */
const noised = ({ name, ends, process }: NamedProcess, { clean, eps, times }: Material) => ({
  name,
  note: ends ?? "",
  cells: times.map((t) => ({
    caption: `ᾱ = ${share(process.alphaBars[t] as number)}`,
    image: toPixels(qSample(clean, eps, process.level(t))),
  })),
});

/** ᾱ to read: two digits, more of them near 1. */
const share = (alphaBar: number): string => {
  if (alphaBar > 0.99) return String(Number(alphaBar.toPrecision(5)));
  if (alphaBar >= 0.001 || alphaBar === 0) return alphaBar.toPrecision(2);
  const [digit, exponent] = alphaBar.toExponential(0).split("e");
  return `${digit}·${powerOfTen(Number(exponent))}`;
};

const firstDigit = async (size = 32): Promise<NDArray> => {
  if (size !== 16 && size !== 32)
    throw new UsageError({
      who: "--size",
      expected: "16 or 32 for the digit",
      got: String(size),
      hint: "other sizes need a picture of your own: --image",
    });
  return (await openDigits(size)).images.row(0);
};
