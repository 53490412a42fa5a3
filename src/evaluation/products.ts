import { setImmediate as nextTurn } from "node:timers/promises";
import type { NDArray } from "../base/index.ts";

/** Rows of the first set that are multiplied while a row of the second is in the cache. */
const ROWS = 4;
/** Milliseconds of work after which others have their turn. */
const SLICE = 50;

/** Sees the inner products of row i of the first set with rows of the second. */
export type SeeProducts = (i: number, products: Float64Array) => void;

/**
 * Inner products, in double precision, of the rows of a [n, d] with those of b [m, d], row of a after row of a. The
 * array that is shown is used again. Lets go of the event loop now and then.
 * @throws the signal's reason once it is aborted
 */
export const innerProducts = (
  a: NDArray,
  b: NDArray,
  see: SeeProducts,
  signal?: AbortSignal,
): Promise<void> => products(a, b, { see, signal, reach: () => b.shape[0] ?? 0 });

/** The same of a set with itself, of row i those with the rows before it: every pair once. */
export const pairProducts = (rows: NDArray, see: SeeProducts, signal?: AbortSignal): Promise<void> =>
  products(rows, rows, { see: (i, values) => see(i, values.subarray(0, i)), signal, reach: (last) => last });

interface Pass {
  readonly see: SeeProducts;
  readonly signal: AbortSignal | undefined;
  /** How many rows of b are wanted with the rows of a up to this one. */
  readonly reach: (last: number) => number;
}

const products = async (a: NDArray, b: NDArray, { see, signal, reach }: Pass): Promise<void> => {
  const [n = 0, d = 0] = a.shape;
  const [m = 0] = b.shape;
  const rows = Array.from({ length: ROWS }, () => new Float64Array(m));
  let turn = performance.now();
  for (let start = 0; start < n; start += ROWS) {
    const count = Math.min(ROWS, n - start);
    multiply(a.data, b.data, { start, count, d, m: reach(start + count - 1) }, rows);
    for (let r = 0; r < count; r++) see(start + r, rows[r] as Float64Array);
    if (performance.now() - turn < SLICE) continue;
    await nextTurn();
    signal?.throwIfAborted();
    turn = performance.now();
  }
};

interface Block {
  readonly start: number;
  readonly count: number;
  readonly d: number;
  readonly m: number;
}

const multiply = (
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { start, count, d, m }: Block,
  out: readonly Float64Array[],
): void => {
  const [o0, o1, o2, o3] = out as [Float64Array, Float64Array, Float64Array, Float64Array];
  // Rows past the end repeat the last one; nobody sees them.
  const at = (r: number) => (start + Math.min(r, count - 1)) * d;
  const [a0, a1, a2, a3] = [at(0), at(1), at(2), at(3)];
  for (let j = 0; j < m; j++) {
    const row = j * d;
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let k = 0; k < d; k++) {
      const value = b[row + k] as number;
      s0 += (a[a0 + k] as number) * value;
      s1 += (a[a1 + k] as number) * value;
      s2 += (a[a2 + k] as number) * value;
      s3 += (a[a3 + k] as number) * value;
    }
    o0[j] = s0;
    o1[j] = s1;
    o2[j] = s2;
    o3[j] = s3;
  }
};

/** |row|² of every row of [n, d]. */
export const squaredLengths = ({ data, shape: [n = 0, d = 0] }: NDArray): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let k = i * d; k < (i + 1) * d; k++) sum += (data[k] as number) ** 2;
    return sum;
  });
