import type { NDArray } from "../base/index.ts";
import { inkColour } from "./svg-text.ts";

/** A square window on the plane: both coordinates from -reach to reach. */
export interface Plane {
  readonly reach: number;
  /** Drawn in this order, each over those before. */
  readonly marks: readonly Mark[];
}

/** Where a mark is drawn: a square of `side` pixels. */
export interface Canvas {
  readonly side: number;
  readonly reach: number;
  /** Pixels of a point, to a tenth. */
  readonly place: (x: number, y: number) => readonly [number, number];
}

/** Something drawn on a plane, as SVG elements. */
export type Mark = (canvas: Canvas) => string | Promise<string>;

/** The plane as an SVG element at a place of a picture; what lies outside is cut off. */
export const planeSvg = async (
  { reach, marks }: Plane,
  { x, y, side }: { readonly x: number; readonly y: number; readonly side: number },
): Promise<string> => {
  const pixel = (value: number) => Math.round(value * 10) / 10;
  const place = (px: number, py: number) =>
    [pixel((side * (px / reach + 1)) / 2), pixel((side * (1 - py / reach)) / 2)] as const;
  const drawn = await Promise.all(marks.map((mark) => mark({ side, reach, place })));
  return [
    `<svg x="${x}" y="${y}" width="${side}" height="${side}" overflow="hidden">`,
    ...drawn,
    `<rect x="0.5" y="0.5" width="${side - 1}" height="${side - 1}" fill="none" stroke="#9a9a9a"/>`,
    "</svg>",
  ].join("\n");
};

/** Where the axes of a window are labelled: 0, and a whole number near both edges. */
export const ticksOf = (reach: number): number[] => {
  const far = Math.max(1, Math.ceil(reach) - 1);
  return [-far, 0, far];
};

const pointsOf = ({ data }: NDArray): (readonly [number, number])[] =>
  Array.from({ length: data.length / 2 }, (_, k) => [data[2 * k] as number, data[2 * k + 1] as number]);

interface Pen {
  readonly colour?: string;
  readonly width?: number;
  readonly opacity?: number;
}

const stroke = (path: string, { colour = inkColour, width = 1, opacity = 1 }: Pen): string =>
  `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-opacity="${opacity}" stroke-linecap="round" stroke-linejoin="round"/>`;

/** Points [n, 2] as dots of `width` pixels: lines of no length with round ends, the shortest text for many. */
export const dots =
  (points: NDArray, pen: Pen = {}): Mark =>
  ({ place }) =>
    stroke(
      pointsOf(points)
        .map(([x, y]) => `M${place(x, y).join(" ")}h0`)
        .join(""),
      { width: 2.4, ...pen },
    );

/** Points as a walk goes from one to the next: each state holds all walks, [n, 2]. */
export const trails =
  (states: readonly NDArray[], pen: Pen = {}): Mark =>
  ({ place }) => {
    const columns = states.map(pointsOf);
    const walks = (columns[0] ?? []).map((_, k) =>
      columns.map((column) => place(...(column[k] as readonly [number, number])).join(" ")),
    );
    return stroke(walks.map((walk) => `M${walk.join("L")}`).join(""), pen);
  };

/** Arrows from points [n, 2] along vectors [n, 2], in the plane's units. */
export const arrows =
  (points: NDArray, vectors: NDArray, pen: Pen = {}): Mark =>
  ({ place }) => {
    const along = pointsOf(vectors);
    const paths = pointsOf(points).map(([x, y], k) => {
      const [dx, dy] = along[k] as readonly [number, number];
      return arrow(place(x, y), place(x + dx, y + dy));
    });
    return stroke(paths.join(""), pen);
  };

/** In pixels. */
const HEAD = 3;

const arrow = ([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): string => {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const barb = (turn: number) =>
    `${(x1 - HEAD * Math.cos(angle + turn)).toFixed(1)} ${(y1 - HEAD * Math.sin(angle + turn)).toFixed(1)}`;
  return `M${x0} ${y0}L${x1} ${y1}M${barb(0.5)}L${x1} ${y1}L${barb(-0.5)}`;
};

/** A grid of `count` × `count` points over a window, [count², 2], each in the middle of its cell; rows from the top. */
export const latticeOf = (reach: number, count: number): number[] => {
  const at = (k: number) => reach * ((2 * k + 1) / count - 1);
  return Array.from({ length: count * count }, (_, k) => [at(k % count), -at(Math.floor(k / count))]).flat();
};
