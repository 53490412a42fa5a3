import { Generator, type NDArray } from "../../base/index.ts";
import { openDigits, toPixels, toUnit } from "../../data/index.ts";
import { qSample } from "../../diffusion/index.ts";
import { decodeImage, encodePng, fontFamily } from "../../formats/index.ts";
import { defineCommand, integer, text } from "../command.ts";
import { namedProcesses, scheduleNames } from "./named-processes.ts";
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
    size: integer<number>("side of the picture in pixels", { least: 4, fallback: 64 }),
    schedules: text<string>("which, with commas", { value: "names", fallback: scheduleNames.join(",") }),
    timesteps: integer<number>("T", { least: 2, fallback: 1000 }),
    columns: integer<number>("timesteps to show, evenly from 0 to T - 1", { least: 2, fallback: 9 }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain forward", "a digit, in explain-forward.svg"],
    ["undiffuse explain forward --image cat.jpg --size 128 --out cat.png", "your own picture"],
  ],
  async run({ out, image, size, schedules, timesteps, columns, seed }) {
    checkPicturePath(out);
    const processes = namedProcesses(schedules, { timesteps });
    const x0 = image === undefined ? await firstDigit() : await decodeImage(image, { size, channels: 3 });
    const clean = toUnit(x0);
    const eps = new Generator(seed).normal(clean.shape);
    const times = Array.from({ length: columns }, (_, k) =>
      Math.round((k * (timesteps - 1)) / (columns - 1)),
    );
    const rows = processes.map(({ name, process }) => ({
      name,
      cells: times.map((t) => ({
        caption: `ᾱ ${process.alphaBars[t]?.toPrecision(2)}`,
        image: toPixels(qSample(clean, eps, process.level(t))),
      })),
    }));
    await writePicture(
      out,
      await captionedGrid(
        rows,
        times.map((t) => `t = ${t}`),
      ),
    );
  },
});

const firstDigit = async (): Promise<NDArray> => {
  const { images } = await openDigits(32);
  return images.row(0);
};

interface Row {
  readonly name: string;
  readonly cells: readonly { readonly caption: string; readonly image: NDArray }[];
}

const CELL = 96;
const GAP = 8;
const LINE = 20;
const LEFT = 150;
const TOP = 40;

/** An SVG of images in rows, with a name a row, a heading a column and a caption an image. */
const captionedGrid = async (rows: readonly Row[], headings: readonly string[]): Promise<string> => {
  const width = LEFT + headings.length * (CELL + GAP) + GAP;
  const pitch = CELL + LINE + GAP;
  const height = TOP + rows.length * pitch + GAP;
  const xOf = (column: number) => LEFT + column * (CELL + GAP);
  const parts = headings.map((heading, k) => label(heading, xOf(k) + CELL / 2, TOP - 12, "middle"));
  for (const [r, { name, cells }] of rows.entries()) {
    const y = TOP + r * pitch;
    parts.push(label(name, 12, y + CELL / 2, "start"));
    for (const [k, { caption, image }] of cells.entries()) {
      const data = Buffer.from(await encodePng(image)).toString("base64");
      parts.push(
        `<image x="${xOf(k)}" y="${y}" width="${CELL}" height="${CELL}" style="image-rendering:pixelated" href="data:image/png;base64,${data}"/>`,
        label(caption, xOf(k) + CELL / 2, y + CELL + 15, "middle"),
      );
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
  ].join("\n");
};

const label = (words: string, x: number, y: number, anchor: "start" | "middle"): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-family="${fontFamily}" font-size="12" fill="#222222">${words}</text>`;
