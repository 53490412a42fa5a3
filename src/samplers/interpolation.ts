import { NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";

const checkShapes = (a: NDArray, b: NDArray): void => {
  if (sameShape(a.shape, b.shape)) return;
  throw new ShapeError({
    who: "interpolation",
    expected: `two arrays of shape ${showShape(a.shape)}`,
    got: showShape(b.shape),
  });
};

/** The straight line from a, at share 0, to b, at share 1. Between two draws of noise it is too short. */
export const lerp = (a: NDArray, b: NDArray, share: number): NDArray => {
  checkShapes(a, b);
  return NDArray.combine([1 - share, a], [share, b]);
};

/** Below this angle the sphere is as good as flat, and its formula divides by as good as nothing. */
const FLAT = 1e-4;

/**
 * The great circle from a to b, each row for itself: for noise, whose draws in d dimensions all lie near the sphere of
 * radius √d (Shoemake 1985; Song, Meng and Ermon 2021, section 5.3).
 * @param a [n, ...]
 */
export const slerp = (a: NDArray, b: NDArray, share: number): NDArray => {
  checkShapes(a, b);
  const others = b.split();
  return NDArray.stack(a.split().map((row, k) => slerpRow(row, others[k] as NDArray, share)));
};

const slerpRow = (a: NDArray, b: NDArray, share: number): NDArray => {
  const dot = (p: NDArray, q: NDArray): number => p.mul(q).sum().item();
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  // Along one line there is no great circle, or no single one.
  if (!(angle > FLAT && angle < Math.PI - FLAT)) return lerp(a, b, share);
  return NDArray.combine(
    [Math.sin((1 - share) * angle) / Math.sin(angle), a],
    [Math.sin(share * angle) / Math.sin(angle), b],
  );
};
