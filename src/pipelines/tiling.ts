import { ArgumentError, NDArray, showShape } from "../base/index.ts";

export interface Tiling {
  /** Side of a tile of what goes in; it and the side of what comes out are multiples of 4, as a quarter overlaps. */
  readonly tile: number;
  /** Sides of what comes out for each of what goes in: 8 for a decoder, 1/8 for an encoder. */
  readonly scale: number;
}

/** How much of a tile lies over its neighbours'. */
const OVERLAP = 0.25;

type Run = (tile: NDArray) => Promise<NDArray>;

/**
 * A function of images [1, c, h, w], computed in tiles that lie over one another and are blended there, so that no seam
 * shows: with as much memory as a tile takes, whatever the size (diffusers' tiled_encode and tiled_decode). Each tile
 * sees its own part alone, so the result is near that of the whole, not the same. `run` sees all tiles of one shape
 * before those of the next, of which there are four at most: it need not be ready for more than one.
 * @throws ArgumentError for tiles of which no quarter is whole
 */
export const tiled = async (x: NDArray, run: Run, { tile, scale }: Tiling): Promise<NDArray> => {
  const [, , height = 0, width = 0] = x.shape;
  requireQuarters(tile, tile * scale);
  const step = tile * (1 - OVERLAP);
  const extent = tile * scale * OVERLAP;
  const kept = tile * scale - extent;
  const [tops, lefts] = [starts(height, step), starts(width, step)];
  const windows = tops.flatMap((y) => lefts.map((column) => window(x, { y, column, size: tile })));
  const made = await shapeByShape(windows, run);
  const rows = tops.map((_, row) => made.slice(row * lefts.length, (row + 1) * lefts.length));
  for (const [row, tiles] of rows.entries())
    for (const [column, each] of tiles.entries()) {
      const [above, left] = [rows[row - 1]?.[column], tiles[column - 1]];
      if (above) blend(above, each, extent, "rows");
      if (left) blend(left, each, extent, "columns");
    }
  const trimmed = (each: NDArray) => window(each, { y: 0, column: 0, size: kept });
  return join(
    rows.map((tiles) => join(tiles.map(trimmed), 3)),
    2,
  );
};

const requireQuarters = (...sides: readonly number[]): void => {
  const odd = sides.find((side) => !(side > 0 && (side * OVERLAP) % 1 === 0));
  if (odd === undefined) return;
  throw new ArgumentError({ who: "tiled", expected: "tiles with sides that 4 divides", got: String(odd) });
};

const starts = (size: number, step: number): number[] =>
  Array.from({ length: Math.ceil(size / step) }, (_, i) => i * step);

/** The results of all, in their order, as copies. */
const shapeByShape = async (tiles: readonly NDArray[], run: Run): Promise<NDArray[]> => {
  const made = new Map<number, NDArray>();
  const shapes = new Set(tiles.map(({ shape }) => showShape(shape)));
  for (const shape of shapes)
    for (const [place, each] of tiles.entries())
      if (showShape(each.shape) === shape) made.set(place, (await run(each)).clone());
  return tiles.map((_, place) => made.get(place) as NDArray);
};

/** A square of [1, c, h, w] or what there is of it. */
const window = (
  x: NDArray,
  { y, column, size }: { readonly y: number; readonly column: number; readonly size: number },
): NDArray => {
  const [, c = 0, h = 0, w = 0] = x.shape;
  const [rows, columns] = [Math.min(size, h - y), Math.min(size, w - column)];
  const out = new Float32Array(c * rows * columns);
  for (let k = 0; k < c * rows; k++) {
    const from = (Math.floor(k / rows) * h + y + (k % rows)) * w + column;
    out.set(x.data.subarray(from, from + columns), k * columns);
  }
  return new NDArray(out, [1, c, rows, columns]);
};

/** Goes over from the end of one tile to the begin of the next, in place. */
const blend = (from: NDArray, to: NDArray, extent: number, along: "rows" | "columns"): void => {
  const axis = along === "rows" ? 2 : 3;
  const [before, after] = [from, to].map(({ shape }) => shape[axis] as number) as [number, number];
  const most = Math.min(before, after, extent);
  const [, c = 0, h = 0, w = 0] = to.shape;
  const [, , fromHeight = 0, fromWidth = 0] = from.shape;
  const [rows, columns] = along === "rows" ? [most, w] : [h, most];
  for (let channel = 0; channel < c; channel++)
    for (let y = 0; y < rows; y++)
      for (let column = 0; column < columns; column++) {
        const share = (along === "rows" ? y : column) / most;
        const [oldRow, oldColumn] =
          along === "rows" ? [before - most + y, column] : [y, before - most + column];
        const at = (channel * h + y) * w + column;
        const old = from.data[(channel * fromHeight + oldRow) * fromWidth + oldColumn] as number;
        to.data[at] = old * (1 - share) + (to.data[at] as number) * share;
      }
};

/** [1, c, h, w] one after the other along an axis. */
const join = (arrays: readonly NDArray[], axis: 2 | 3): NDArray => {
  const order = axis === 2 ? [2, 0, 1, 3] : [3, 0, 1, 2];
  const back = axis === 2 ? [1, 2, 0, 3] : [1, 2, 3, 0];
  return NDArray.concat(arrays.map((each) => each.transpose(order))).transpose(back);
};
