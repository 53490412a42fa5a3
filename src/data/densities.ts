import type { Component } from "../diffusion/index.ts";

/** A normal distribution of a density, and the class that its points belong to. */
export interface LabelledComponent extends Component {
  readonly label: number;
}

type Point = readonly [x: number, y: number];

/** Equal normal distributions at points, each with its class. */
const around = (points: readonly (readonly [...Point, number])[], deviation: number): LabelledComponent[] =>
  points.map(([x, y, label]) => ({ weight: 1, mean: [x, y], deviation, label }));

const evenly = <T>(count: number, of: (share: number, k: number) => T): T[] =>
  Array.from({ length: count }, (_, k) => of(k / Math.max(1, count - 1), k));

/** Two half circles that reach into each other. */
const twoMoons = (): LabelledComponent[] => {
  const upper = evenly(14, (share) => [Math.cos(Math.PI * share), Math.sin(Math.PI * share), 0] as const);
  const lower = upper.map(([x, y]) => [1 - x, 0.5 - y, 1] as const);
  return around([...upper, ...lower], 0.12);
};

/** Points of Archimedes' spiral r = angle, at even distances between two angles. */
const turns = (from: number, to: number, count: number): number[] =>
  evenly(count, (share) => Math.sqrt(from ** 2 + share * (to ** 2 - from ** 2)));

/** One band, rolled up; its classes are the inner, middle and outer third. */
const swissRollNonequilibrium = (): LabelledComponent[] => {
  const angles = turns(1.5 * Math.PI, 4.5 * Math.PI, 39);
  return around(
    angles.map((r, k) => [r * Math.cos(r), r * Math.sin(r), Math.floor((3 * k) / angles.length)] as const),
    1.05,
  );
};

/** Two arms that turn about the centre, as in a galaxy, a class each. */
const spiral = (): LabelledComponent[] =>
  around(
    [0, 1].flatMap((label) =>
      turns(0.4 * Math.PI, 2 * Math.PI, 20).map((r) => {
        const angle = r + label * Math.PI;
        return [r * Math.cos(angle), r * Math.sin(angle), label] as const;
      }),
    ),
    0.45,
  );

/** Eight modes on a circle, a class each. */
const eightGaussians = (): LabelledComponent[] =>
  around(
    Array.from(
      { length: 8 },
      (_, k) => [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4), k] as const,
    ),
    0.1,
  );

/** The eight dark squares of a board of 4 × 4, each of 3 × 3 normal distributions; the columns are classes. */
const checkerboard = (): LabelledComponent[] => {
  const squares = Array.from({ length: 16 }, (_, k) => [k % 4, Math.floor(k / 4)] as const);
  const dark = squares.filter(([column, row]) => (column + row) % 2 === 0);
  const inside = [1 / 6, 1 / 2, 5 / 6];
  return around(
    dark.flatMap(([column, row]) =>
      inside.flatMap((dx) => inside.map((dy) => [column + dx, row + dy, column] as const)),
    ),
    0.14,
  );
};

/** Three wide clusters that overlap, a class each: what guidance has to tell apart. */
const threeClouds = (): LabelledComponent[] =>
  around(
    [0, 1, 2].map((k) => {
      const angle = Math.PI * (0.5 + (2 * k) / 3);
      return [Math.cos(angle), Math.sin(angle), k] as const;
    }),
    0.6,
  );

/** Mean 0, and variance 1 over both coordinates: what noise processes expect of data. */
const standardised = (components: readonly LabelledComponent[]): LabelledComponent[] => {
  const n = components.length;
  const centre = [0, 1].map((i) => components.reduce((sum, { mean }) => sum + (mean[i] as number), 0) / n);
  const square = ({ mean, deviation }: Component) =>
    mean.reduce((sum, value, i) => sum + (value - (centre[i] as number)) ** 2, 2 * deviation ** 2);
  const scale = Math.sqrt(components.reduce((sum, component) => sum + square(component), 0) / (2 * n));
  return components.map(({ mean, deviation, ...rest }) => ({
    ...rest,
    mean: mean.map((value, i) => (value - (centre[i] as number)) / scale),
    deviation: deviation / scale,
  }));
};

/** Densities in the plane that are customary for a look at generative models. */
const densities = {
  two_moons: twoMoons,
  swiss_roll: swissRollNonequilibrium,
  spiral,
  eight_gaussians: eightGaussians,
  checkerboard,
  three_clouds: threeClouds,
} as const satisfies Readonly<Record<string, () => LabelledComponent[]>>;

export type DensityName = keyof typeof densities;
export const densityNames = Object.keys(densities) as DensityName[];

/**
 * A density in the plane as normal distributions of equal weight with their classes, 0 upwards: mean 0, and
 * variance 1 over both coordinates. `gaussianMixture` gives its exact denoiser.
 */
export const densityComponents = (name: DensityName): readonly LabelledComponent[] =>
  standardised(densities[name]());
