import type { NDArray } from "../base/index.ts";
import type { Graph } from "../tensor/index.ts";
import { lowered } from "./lower.ts";
import { type Lowering, portable } from "./portable.ts";
import { type Unified, unify } from "./symbolic.ts";

/** A function whose graph is known at any sizes of its symbols. */
export interface SymbolicGraph {
  /** Names of sizes, and what each must be a multiple of. */
  readonly symbols: Readonly<Record<string, number>>;
  readonly at: (sizes: Readonly<Record<string, number>>) => Graph;
}

/** Sizes that tell one product of symbols from another: each symbol takes these, from a place of its own. */
const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23];
const WITNESSES = 3;

/**
 * One graph for every size, from the function lowered at a few.
 * @throws ArgumentError when the function's graph changes its form with the sizes
 */
export const lowerSymbolic = (
  { symbols, at }: SymbolicGraph,
  {
    weights = new Map(),
    target = portable,
  }: { readonly weights?: ReadonlyMap<string, NDArray>; readonly target?: Lowering } = {},
): Unified =>
  unify(
    Array.from({ length: WITNESSES }, (_, k) => {
      const sizes = Object.fromEntries(
        Object.entries(symbols).map(([name, multiple], i) => [name, multiple * (PRIMES[i + k] as number)]),
      );
      return { sizes, onnx: lowered(at(sizes), { weights, target }) };
    }),
  );
