import { Generator, type NDArray } from "../../base/index.ts";
import { openDigits, toPixels, toUnit } from "../../data/index.ts";
import { qSample } from "../../diffusion/index.ts";
import { decodeImage, powerOfTen } from "../../formats/index.ts";
import { UsageError } from "../command.ts";
import { captionedGrid } from "./captioned-grid.ts";
import { evenly } from "./evenly.ts";
import type { NamedProcess } from "./named-processes.ts";

export interface NoisedGrid {
  readonly processes: readonly NamedProcess[];
  readonly timesteps: number;
  readonly columns: number;
  /** A file; a packaged digit when absent. */
  readonly image?: string | undefined;
  /** In pixels. */
  readonly size?: number | undefined;
  readonly seed: number;
}

/** An image at timesteps from 0 to T − 1, a column each, under processes, a row each; as an SVG document. */
export const noisedGrid = async ({
  processes,
  timesteps,
  columns,
  image,
  size,
  seed,
}: NoisedGrid): Promise<string> => {
  const times = evenly(columns, { who: "--columns", count: timesteps });
  const x0 =
    image === undefined
      ? await firstDigit(size)
      : await decodeImage(image, { size: size ?? 64, channels: 3 });
  const clean = toUnit(x0);
  const eps = new Generator(seed).normal(clean.shape);
  return captionedGrid({
    title: "The forward process",
    subtitle: "xₜ = √ᾱₜ x₀ + √(1 − ᾱₜ) ε, with the same ε in every cell",
    headings: times.map((t) => `t = ${t}`),
    rows: processes.map((named) => noised(named, { clean, eps, times })),
  });
};

interface Material {
  /** In [-1, 1]. */
  readonly clean: NDArray;
  readonly eps: NDArray;
  readonly times: readonly number[];
}

/** A row: the image at each time. */
const noised = ({ name, ends, zeroSnr, process }: NamedProcess, { clean, eps, times }: Material) => ({
  name,
  note: [ends ?? [], zeroSnr ? "zero terminal SNR" : []].flat().join("\n"),
  cells: times.map((t) => ({
    caption: `ᾱ = ${share(process.alphaBars[t] as number)}`,
    image: toPixels(qSample(clean, eps, process.level(t))),
  })),
});

/** ᾱ to read: two digits, more of them near 1. */
const share = (alphaBar: number): string => {
  if (alphaBar > 0.99) return String(Number(alphaBar.toPrecision(5)));
  if (alphaBar === 0) return "0";
  if (alphaBar >= 0.001) return alphaBar.toPrecision(2);
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
