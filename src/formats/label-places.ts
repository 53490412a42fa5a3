/** A rectangle in pixels; y grows downwards. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A dot that a text of some size belongs to. */
export interface LabelledDot {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly width: number;
  readonly height: number;
}

/** Sides of a dot that a text may stand at, the most readable first: where its nearest point lies, in radii. */
const sides = [
  [1, 0],
  [-1, 0],
  [0, -1],
  [0, 1],
  [0.7, -0.7],
  [0.7, 0.7],
  [-0.7, -0.7],
  [-0.7, 0.7],
] as const;
type Side = (typeof sides)[number];

/** Pixels between a dot and its text. */
const GAP = 5;
/** Every text moves once a sweep; a few suffice. */
const SWEEPS = 8;
/** What a pixel outside the frame counts, beside one of another text or dot. */
const OUTSIDE = 10;

/**
 * Boxes of texts beside their dots, so that as little as can be of them lies on dots, on other texts, on obstacles or
 * outside a frame: each in turn takes the best of eight sides.
 */
export const labelPlaces = (
  dots: readonly LabelledDot[],
  frame: Box,
  obstacles: readonly Box[] = [],
): Box[] => {
  const solid = [...dots.map(({ x, y, radius }) => around(x, y, radius + GAP - 1)), ...obstacles];
  const places = dots.map((dot) => beside(dot, sides[0]));
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const [k, dot] of dots.entries()) {
      const others = [...solid, ...places.filter((_, i) => i !== k)];
      const cost = (box: Box) =>
        OUTSIDE * (areaOf(box) - shared(box, frame)) +
        others.reduce((sum, other) => sum + shared(box, other), 0);
      places[k] = sides.map((side) => beside(dot, side)).reduce((a, b) => (cost(b) < cost(a) ? b : a));
    }
  return places;
};

const around = (x: number, y: number, radius: number): Box => ({
  left: x - radius,
  top: y - radius,
  right: x + radius,
  bottom: y + radius,
});

/** The text's box at a side: it begins, ends or is centred there. */
const beside = ({ x, y, radius, width, height }: LabelledDot, [dx, dy]: Side): Box => {
  const reach = radius + GAP;
  const left = x + dx * reach - (width * (1 - Math.sign(dx))) / 2;
  const top = y + dy * reach - (height * (1 - Math.sign(dy))) / 2;
  return { left, top, right: left + width, bottom: top + height };
};

const areaOf = ({ left, top, right, bottom }: Box): number =>
  Math.max(0, right - left) * Math.max(0, bottom - top);

const shared = (a: Box, b: Box): number =>
  areaOf({
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  });
