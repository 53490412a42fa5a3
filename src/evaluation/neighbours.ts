import type { NDArray } from "../base/index.ts";
import { innerProducts, squaredLengths } from "./products.ts";

/** Squared distances of row i of the first set to every row of the second. */
export type SeeDistances = (i: number, squared: Float64Array) => void;

/** Squared Euclidean distances, row after row, as {@link innerProducts} gives products. */
export const squaredDistances = (
  a: NDArray,
  b: NDArray,
  see: SeeDistances,
  signal?: AbortSignal,
): Promise<void> => {
  const [ofA, ofB] = [squaredLengths(a), squaredLengths(b)];
  return innerProducts(
    a,
    b,
    (i, values) => {
      const own = ofA[i] as number;
      for (let j = 0; j < values.length; j++)
        values[j] = Math.max(0, own + (ofB[j] as number) - 2 * (values[j] as number));
      see(i, values);
    },
    signal,
  );
};

/** The squared distance of each row to its k-th nearest other row, [n], for each k. */
export const neighbourRadii = async (
  rows: NDArray,
  ks: readonly number[],
  signal?: AbortSignal,
): Promise<Float64Array[]> => {
  const radii = ks.map(() => new Float64Array(rows.shape[0] ?? 0));
  const nearest = new Float64Array(Math.max(...ks));
  await squaredDistances(
    rows,
    rows,
    (i, squared) => {
      nearest.fill(Infinity);
      const last = nearest.length - 1;
      for (let j = 0; j < squared.length; j++)
        if (j !== i && (squared[j] as number) < (nearest[last] as number))
          insert(nearest, squared[j] as number);
      ks.forEach((k, which) => {
        (radii[which] as Float64Array)[i] = nearest[k - 1] as number;
      });
    },
    signal,
  );
  return radii;
};

/** Puts a value in its place among rising ones; the last falls out. */
const insert = (rising: Float64Array, value: number): void => {
  let at = rising.length - 1;
  for (; at > 0 && (rising[at - 1] as number) > value; at--) rising[at] = rising[at - 1] as number;
  rising[at] = value;
};

/** For each query the nearest of some rows. */
export interface Nearest {
  /** [n], indices of rows. */
  readonly index: Int32Array;
  /** [n], Euclidean. */
  readonly distance: Float64Array;
}

/** The nearest row of [m, d] to each query of [n, d]; of equally near ones the first. */
export const nearestRows = async (
  queries: NDArray,
  rows: NDArray,
  signal?: AbortSignal,
): Promise<Nearest> => {
  const [n = 0] = queries.shape;
  const [index, distance] = [new Int32Array(n), new Float64Array(n)];
  await squaredDistances(
    queries,
    rows,
    (i, squared) => {
      let best = 0;
      for (let j = 1; j < squared.length; j++)
        if ((squared[j] as number) < (squared[best] as number)) best = j;
      index[i] = best;
      distance[i] = Math.sqrt(squared[best] as number);
    },
    signal,
  );
  return { index, distance };
};
