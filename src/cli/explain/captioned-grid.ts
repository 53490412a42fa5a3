import type { NDArray } from "../../base/index.ts";
import { encodePng, escapeXml, fontFamily, inkColour } from "../../formats/index.ts";

/** Images uint8 [c, h, w] in rows. */
export interface CaptionedGrid {
  readonly title: string;
  readonly subtitle: string;
  /** One a column. */
  readonly headings: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    /** Below the name, smaller. */
    readonly note: string;
    readonly cells: readonly { readonly caption: string; readonly image: NDArray }[];
  }[];
}

// In pixels.
const CELL = 96;
const GAP = 10;
const CAPTION = 20;
const EDGE = 12;
const LEFT = 168;
const TOP = 96;
const PITCH = CELL + CAPTION + GAP;
const xOf = (column: number): number => LEFT + column * (CELL + GAP);
const centreOf = (column: number): number => xOf(column) + CELL / 2;

/** The grid as an SVG document that holds its pixels. */
export const captionedGrid = async ({ title, subtitle, headings, rows }: CaptionedGrid): Promise<string> => {
  const width = xOf(headings.length) - GAP + EDGE;
  const height = TOP + rows.length * PITCH;
  const parts = [
    label(title, { x: EDGE, y: 26, size: 18, weight: "bold" }),
    label(subtitle, { x: EDGE, y: 48, size: 13 }),
    ...headings.map((heading, k) => label(heading, { x: centreOf(k), y: TOP - 10, anchor: "middle" })),
  ];
  for (const [r, { name, note, cells }] of rows.entries()) {
    const y = TOP + r * PITCH;
    const middle = y + CELL / 2;
    parts.push(label(name, { x: EDGE, y: note ? middle - 4 : middle + 5, size: 13, weight: "bold" }));
    if (note) parts.push(label(note, { x: EDGE, y: middle + 15 }));
    for (const [k, { caption, image }] of cells.entries())
      parts.push(
        await picture(image, xOf(k), y),
        label(caption, { x: centreOf(k), y: y + CELL + 16, anchor: "middle" }),
      );
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
  ].join("\n");
};

const picture = async (image: NDArray, x: number, y: number): Promise<string> => {
  const data = Buffer.from(await encodePng(image)).toString("base64");
  return `<image x="${x}" y="${y}" width="${CELL}" height="${CELL}" style="image-rendering:pixelated" href="data:image/png;base64,${data}"/>`;
};

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly size?: number;
  readonly anchor?: "start" | "middle";
  readonly weight?: "normal" | "bold";
}

const label = (text: string, { x, y, size = 12, anchor = "start", weight = "normal" }: Placed): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-family="${fontFamily}" font-size="${size}" font-weight="${weight}" fill="${inkColour}">${escapeXml(text)}</text>`;
