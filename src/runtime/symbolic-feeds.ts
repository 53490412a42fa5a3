import { type NDArray, ShapeError, showShape } from "../base/index.ts";
import { type SizeFormula, type SymbolicInput, sizeText } from "../lower/index.ts";
import type { Named } from "../tensor/index.ts";

/** What is known of each symbol: what its sizes must be multiples of. */
export type Symbols = Readonly<Record<string, number>>;

/** @throws ShapeError unless the feeds are the inputs, and one size stands for each symbol in all of them */
export const checkSymbolicFeeds = (
  inputs: readonly SymbolicInput[],
  feeds: Named<NDArray>,
  symbols: Symbols,
): void => {
  const sizes = new Map<string, number>();
  for (const { name, shape } of inputs)
    for (const [axis, size] of shape.entries()) {
      const text = sizeText(size);
      const given = feeds[name]?.shape[axis];
      if (typeof text === "string" && text in symbols && given !== undefined && !sizes.has(text))
        sizes.set(text, given);
    }
  for (const [symbol, size] of sizes) checkSize(symbol, size, symbols[symbol] as number);
  for (const { name, dtype, shape } of inputs) {
    const got = feeds[name] as NDArray;
    const wanted = shape.map((size) => (typeof size === "number" ? size : sizeOf(size, sizes)));
    if (got.dtype === dtype && got.shape.join() === wanted.join()) continue;
    throw new ShapeError({
      who: `feed "${name}"`,
      expected: `${dtype}[${shape.map(sizeText).join(", ")}] with ${shown(sizes)}`,
      got: `${got.dtype}${showShape(got.shape)}`,
    });
  }
};

const checkSize = (symbol: string, size: number, multiple: number): void => {
  if (size >= 1 && size % multiple === 0) return;
  throw new ShapeError({
    who: `size ${symbol}`,
    expected: multiple === 1 ? "at least 1" : `a multiple of ${multiple}`,
    got: String(size),
  });
};

const sizeOf = (
  { symbols, numerator, denominator }: SizeFormula,
  sizes: ReadonlyMap<string, number>,
): number =>
  symbols.reduce((product, symbol) => product * (sizes.get(symbol) ?? Number.NaN), numerator) / denominator;

const shown = (sizes: ReadonlyMap<string, number>): string =>
  [...sizes].map(([symbol, size]) => `${symbol} = ${size}`).join(", ");
