import { Generator, type NDArray } from "../../base/index.ts";
import { lineChart } from "../../formats/index.ts";
import { type Way, wayNames, ways } from "./interpolation-ways.ts";
import { medianNorm } from "./point-statistics.ts";

/** Pairs whose median is drawn. */
const PAIRS = 33;
const SHARES = Array.from({ length: 41 }, (_, k) => k / 40);
const DIMENSIONS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Norms on the way between two draws of noise in d dimensions, and of the middle over d; an SVG document. */
export const normChart = ({
  dimensions,
  seed,
}: {
  readonly dimensions: number;
  readonly seed: number;
}): Promise<string> => {
  const [a, b] = pairsIn(dimensions, seed);
  const onTheWay = (way: Way) => SHARES.map((share) => shareOf(ways[way](a, b, share)));
  const inTheMiddle = (way: Way) =>
    DIMENSIONS.map((d) => {
      const [left, right] = pairsIn(d, seed);
      return shareOf(ways[way](left, right, 0.5));
    });
  return lineChart({
    title: "Norm of the noise, as a share of √d",
    subtitle:
      "All noise in many dimensions has norm √d: the middle of a straight line falls short of it by √2",
    panels: [
      {
        title: `on the way, in ${dimensions} dimensions`,
        xLabel: "share of the way",
        xTicks: [0, 0.25, 0.5, 0.75, 1],
        series: wayNames.map((name) => ({ name, x: SHARES, y: onTheWay(name) })),
      },
      {
        title: "in the middle, over the dimensions",
        xLabel: "dimensions d",
        xScale: "log",
        xTicks: [2, 16, 128, 1024, 4096],
        series: wayNames.map((name) => ({ name, x: DIMENSIONS, y: inTheMiddle(name), style: "dotted" })),
      },
    ],
  });
};

const pairsIn = (d: number, seed: number): [NDArray, NDArray] => {
  const generator = new Generator(seed);
  return [generator.normal([PAIRS, d]), generator.normal([PAIRS, d])];
};

/** Of rows [n, d], as a share of √d. */
const shareOf = (x: NDArray): number => medianNorm(x) / Math.sqrt(x.shape[1] ?? 1);
