import type { NDArray } from "../../base/index.ts";
import { encodePng, escapeXml, label, type Plane, planeSvg, ticksOf } from "../../formats/index.ts";

/** An image uint8 [c, h, w] or a window on the plane, and what is said below it. */
export type Cell = { readonly caption?: string } & (
  | { readonly image: NDArray }
  | { readonly plane: Plane }
  | { readonly empty: true }
);

export interface Row {
  readonly name: string;
  /** Below the name, smaller; a line each. */
  readonly note: string;
  readonly cells: readonly Cell[];
}

/** Images or planes in rows. */
export interface CaptionedGrid {
  readonly title: string;
  /** Lines below the title. */
  readonly subtitle: string;
  /** One a column. */
  readonly headings: readonly string[];
  readonly rows: readonly Row[];
  /** The side of a cell in pixels. */
  readonly side?: number;
}

// In pixels.
const GAP = 10;
const CAPTION = 20;
const EDGE = 12;
const LINE = 18;
/** What the labels of a plane's axes take. */
const TICKS = 15;

/** Where everything lies. */
interface Layout {
  readonly side: number;
  readonly top: number;
  readonly pitch: number;
  readonly xOf: (column: number) => number;
  readonly centreOf: (column: number) => number;
}

const layoutOf = ({ rows, headings, subtitle, side = 96 }: CaptionedGrid): Layout => {
  const cells = rows.flatMap((row) => row.cells);
  const ticks = cells.some((cell) => "plane" in cell) ? TICKS : 0;
  const captions = cells.some(({ caption }) => caption) ? CAPTION : 0;
  const left = ticks + (rows.some(({ name, note }) => name || note) ? 168 : EDGE);
  const xOf = (column: number) => left + column * (side + GAP);
  return {
    side,
    top: (headings.length > 0 ? 78 : 54) + LINE * subtitle.split("\n").length,
    pitch: side + ticks + captions + GAP,
    xOf,
    centreOf: (column) => xOf(column) + side / 2,
  };
};

/** The grid as an SVG document that holds its pixels. */
export const captionedGrid = async (grid: CaptionedGrid): Promise<string> => {
  const { title, subtitle, headings, rows } = grid;
  const layout = layoutOf(grid);
  const { top, pitch, xOf, centreOf } = layout;
  const columns = Math.max(headings.length, ...rows.map(({ cells }) => cells.length));
  const width = Math.max(xOf(columns) - GAP, textWidth(title, 18), textWidth(subtitle, 13)) + EDGE;
  const height = top + rows.length * pitch;
  const drawn = await Promise.all(rows.map((row, r) => rowSvg(row, top + r * pitch, layout)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    label(title, { x: EDGE, y: 26, size: 18, weight: "bold" }),
    ...subtitle.split("\n").map((line, k) => label(line, { x: EDGE, y: 48 + LINE * k, size: 13 })),
    ...headings.map((heading, k) => label(heading, { x: centreOf(k), y: top - 10, anchor: "middle" })),
    ...drawn,
    "</svg>",
  ].join("\n");
};

/** Where the longest line ends, if a letter is as wide as 0.62 of its height: nothing can be measured here. */
const textWidth = (text: string, size: number): number =>
  EDGE + 0.62 * size * Math.max(...text.split("\n").map((line) => line.length));

const rowSvg = async ({ name, note, cells }: Row, y: number, layout: Layout): Promise<string> => {
  const lines = note ? note.split("\n") : [];
  const middle = y + layout.side / 2 + 5 - (LINE * lines.length) / 2;
  return [
    label(name, { x: EDGE, y: middle, size: 13, weight: "bold" }),
    ...lines.map((line, k) => label(line, { x: EDGE, y: middle + LINE * (k + 1) })),
    ...(await Promise.all(cells.map((cell, k) => cellSvg(cell, { k, y }, layout)))),
  ].join("\n");
};

const cellSvg = async (
  cell: Cell,
  { k, y }: { readonly k: number; readonly y: number },
  { side, pitch, xOf, centreOf }: Layout,
): Promise<string> => {
  const x = xOf(k);
  const captions = cell.caption
    ? [label(cell.caption, { x: centreOf(k), y: y + pitch - GAP - 4, anchor: "middle" })]
    : [];
  if ("image" in cell) return [await picture(cell.image, { x, y, side }), ...captions].join("\n");
  if ("empty" in cell) return captions.join("\n");
  const { plane } = cell;
  return [await planeSvg(plane, { x, y, side }), ...axes(plane, { x, y, side }, k === 0), ...captions].join(
    "\n",
  );
};

interface Square {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

const picture = async (image: NDArray, { x, y, side }: Square): Promise<string> => {
  const data = Buffer.from(await encodePng(image)).toString("base64");
  return `<image x="${x}" y="${y}" width="${side}" height="${side}" style="image-rendering:pixelated" href="data:image/png;base64,${data}"/>`;
};

/** Numbers below a plane, and left of the first in a row. */
const axes = ({ reach }: Plane, { x, y, side }: Square, first: boolean): string[] =>
  ticksOf(reach).flatMap((tick) => {
    const text = String(tick).replace("-", "−");
    const along = (side * (tick / reach + 1)) / 2;
    const below = label(text, { x: x + along, y: y + side + 12, size: 10, anchor: "middle" });
    return first
      ? [below, label(text, { x: x - 5, y: y + side - along + 4, size: 10, anchor: "end" })]
      : [below];
  });
