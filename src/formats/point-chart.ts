import { axisOf, type Scale } from "./axis.ts";
import { palette } from "./chart.ts";
import { type Box, type LabelledDot, labelPlaces } from "./label-places.ts";
import { escapeXml, inkColour, label } from "./svg-text.ts";

/** A dot of a chart. */
export interface ChartPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** Where y may as well lie; null where that is unknown. */
  readonly interval: readonly [low: number, high: number] | null;
  /** From 0 to 1. */
  readonly area: number;
  /** Drawn as a ring. */
  readonly hollow?: boolean;
}

/** Points of one colour, joined in their order. */
export interface PointFamily {
  readonly points: readonly ChartPoint[];
}

export interface PointChart {
  readonly title: string;
  /** Lines below the title. */
  readonly subtitle: string;
  /** On logarithmic axes every value is positive. */
  readonly x: { readonly label: string; readonly scale: Scale };
  readonly y: { readonly label: string; readonly scale: Scale };
  readonly families: readonly PointFamily[];
}

// In pixels.
const WIDTH = 860;
const HEIGHT = 430;
const EDGE = 12;
const RIGHT = 34;
const LEFT = 66;
const LINE = 18;
const TEXT = 13;
/** A letter is taken for 0.6 of its height, wide for a sans-serif: nothing can be measured here. */
const LETTER = 0.6 * TEXT;
const LARGEST = 17;
const SMALLEST = 3;
const GRID = "#e4e4e4";

/** Dots with their names beside them, and intervals of y, as an SVG document. */
export const pointChart = ({ title, subtitle, x, y, families }: PointChart): string => {
  const lines = subtitle.split("\n");
  const top = 72 + LINE * lines.length;
  const [width, height] = [LEFT + WIDTH + RIGHT, top + HEIGHT + 58];
  const points = families.flatMap((family) => family.points);
  const across = axisOf(
    x.scale,
    points.map((point) => point.x),
  );
  const along = axisOf(
    y.scale,
    points.flatMap((point) => [point.y, ...(point.interval ?? [])]),
  );
  const place: Place = (px, py) => [LEFT + WIDTH * across.share(px), top + HEIGHT * (1 - along.share(py))];
  const frame = { left: LEFT, top, right: LEFT + WIDTH, bottom: top + HEIGHT };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    label(title, { x: EDGE, y: 26, size: 18, weight: "bold" }),
    ...lines.map((line, k) => label(line, { x: EDGE, y: 48 + LINE * k, size: TEXT })),
    ...across.ticks.map((tick) => {
      const [px] = place(tick, along.first);
      return `${stroke([px, frame.top], [px, frame.bottom], GRID)}${label(shown(tick), { x: round(px), y: frame.bottom + 18, anchor: "middle" })}`;
    }),
    ...along.ticks.map((tick) => {
      const [, py] = place(across.first, tick);
      return `${stroke([frame.left, py], [frame.right, py], GRID)}${label(shown(tick), { x: LEFT - 7, y: round(py + 4), anchor: "end" })}`;
    }),
    stroke([frame.left, frame.bottom], [frame.right, frame.bottom], inkColour),
    label(x.label, { x: LEFT + WIDTH / 2, y: frame.bottom + 44, anchor: "middle" }),
    label(y.label, { x: EDGE, y: frame.top - 12 }),
    ...families.map((family, k) => familySvg(family, palette[k % palette.length] as string, place)),
    ...names(families, { place, frame }),
    "</svg>",
  ].join("\n");
};

/** Pixels of a point. */
type Place = (x: number, y: number) => readonly [number, number];

const round = (value: number): number => Math.round(value * 10) / 10;
const shown = (value: number): string => value.toLocaleString("en", { maximumSignificantDigits: 3 });
const radiusOf = ({ area }: ChartPoint): number => Math.max(SMALLEST, LARGEST * Math.sqrt(Math.max(0, area)));

const stroke = (
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  colour: string,
): string =>
  `<path d="M${round(x0)} ${round(y0)}L${round(x1)} ${round(y1)}" stroke="${colour}" fill="none"/>`;

const familySvg = ({ points }: PointFamily, colour: string, place: Place): string =>
  [
    ...points.slice(1).map((point, k) => {
      const before = points[k] as ChartPoint;
      return stroke(place(before.x, before.y), place(point.x, point.y), colour);
    }),
    ...points.map((point) => {
      const [cx, cy] = place(point.x, point.y);
      const fill = point.hollow ? "#ffffff" : colour;
      return `<circle cx="${round(cx)}" cy="${round(cy)}" r="${round(radiusOf(point))}" fill="${fill}" fill-opacity="0.75" stroke="${colour}" stroke-width="1.5"/>`;
    }),
    ...points.flatMap(({ x, interval }) =>
      interval ? [stroke(place(x, interval[0]), place(x, interval[1]), inkColour)] : [],
    ),
  ].join("\n");

const names = (
  families: readonly PointFamily[],
  { place, frame }: { readonly place: Place; readonly frame: Box },
): string[] => {
  const points = families.flatMap((family) => family.points);
  const dots = points.map((point): LabelledDot => {
    const [x, y] = place(point.x, point.y);
    return { x, y, radius: radiusOf(point), width: LETTER * point.name.length, height: TEXT + 2 };
  });
  const whiskers = points.flatMap(({ x, interval }) =>
    interval ? alongLine(place(x, interval[0]), place(x, interval[1])) : [],
  );
  const joints = families.flatMap((family) =>
    family.points
      .slice(1)
      .flatMap(({ x, y }, k) =>
        alongLine(place(x, y), place(family.points[k]?.x ?? x, family.points[k]?.y ?? y)),
      ),
  );
  return labelPlaces(dots, frame, [...whiskers, ...joints]).map(({ left, right, bottom }, k) =>
    label((points[k] as ChartPoint).name, {
      x: round((left + right) / 2),
      y: round(bottom - 4),
      size: TEXT,
      anchor: "middle",
    }),
  );
};

/** Small boxes along a line. */
const alongLine = ([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): Box[] => {
  const count = Math.ceil(Math.hypot(x1 - x0, y1 - y0) / 4);
  return Array.from({ length: count + 1 }, (_, k) => {
    const [x, y] = [x0 + ((x1 - x0) * k) / (count || 1), y0 + ((y1 - y0) * k) / (count || 1)];
    return { left: x - 2, top: y - 2, right: x + 2, bottom: y + 2 };
  });
};
