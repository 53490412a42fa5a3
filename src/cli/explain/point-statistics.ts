import type { NDArray } from "../../base/index.ts";

/** Directions over half a turn. */
const DIRECTIONS = 32;

/**
 * How far points [n, 2] are from a density given as many draws of it, [k n, 2], as distributions: the 2-Wasserstein
 * distance of their shadows on lines, as a root mean square over directions (Rabin et al. 2012). Draws of the
 * density itself are about 1 / √n away.
 */
export const slicedDistance = (points: NDArray, draws: NDArray): number => {
  const squares = Array.from({ length: DIRECTIONS }, (_, k) => {
    const angle = (Math.PI * k) / DIRECTIONS;
    const found = shadow(points, angle);
    const wanted = shadow(draws, angle);
    const ratio = wanted.length / found.length;
    return (
      wanted.reduce((sum, value, i) => sum + (value - (found[Math.floor(i / ratio)] as number)) ** 2, 0) /
      wanted.length
    );
  });
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / DIRECTIONS);
};

/** The points' places along a direction, in order. */
const shadow = ({ data }: NDArray, angle: number): Float64Array => {
  const [x, y] = [Math.cos(angle), Math.sin(angle)];
  const places = Float64Array.from(
    { length: data.length / 2 },
    (_, k) => x * (data[2 * k] as number) + y * (data[2 * k + 1] as number),
  );
  return places.sort();
};

/** √mean ‖a − b‖² over pairs of points [n, 2]. */
export const pairDistance = (a: NDArray, b: NDArray): number => {
  const { data } = a.sub(b);
  const square = Array.from(data).reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(square / (data.length / 2));
};

/** The standard deviation of points [n, 2] from their mean, over both coordinates. */
export const deviationOf = (points: NDArray): number => {
  const apart = points.sub(points.mean([0], true));
  return Math.sqrt(apart.mul(apart).mean().item());
};

/** The norms of rows [n, d] in the middle of their order: unlike their mean, unmoved by a few that are far out. */
export const medianNorm = (points: NDArray): number => {
  const norms = points.split().map((row) => Math.sqrt(row.mul(row).sum().item()));
  return norms.sort((a, b) => a - b)[Math.floor(norms.length / 2)] ?? 0;
};
