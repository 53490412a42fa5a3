import { NDArray, NonFiniteError, ShapeError } from "../base/index.ts";

/** The value in [-1, 1] of each grey level: level / 127.5 - 1. */
const units = Float32Array.from({ length: 256 }, (_, level) => level / 127.5 - 1);

/** Grey levels (uint8) → float32 in [-1, 1], where networks live; what is float32 lives there already. Any shape. */
export const toUnit = (rows: NDArray): NDArray => {
  const out = new Float32Array(rows.size);
  fillUnit(out, checkRows("toUnit", rows));
  return new NDArray(out, rows.shape);
};

/** {@link toUnit} into memory that is there already, of the same length. */
export const fillUnit = (out: Float32Array, levels: Uint8Array | Float32Array): void => {
  if (levels instanceof Float32Array) out.set(levels);
  else for (let i = 0; i < levels.length; i++) out[i] = units[levels[i] as number] as number;
};

/**
 * float32 → the nearest grey levels (uint8), values outside [-1, 1] clamped. Any shape.
 * @throws NonFiniteError for NaN and infinity, which would pass for black or white.
 */
export const toPixels = (unit: NDArray): NDArray => {
  const out = new Uint8Array(unit.size);
  for (let i = 0; i < out.length; i++) {
    const value = unit.data[i] as number;
    if (!Number.isFinite(value))
      throw new NonFiniteError({ who: "toPixels", expected: "finite numbers", got: `${value} at ${i}` });
    out[i] = Math.round(Math.min(Math.max((value + 1) * 127.5, 0), 255));
  }
  return new NDArray(out, unit.shape, "uint8");
};

const checkRows = (who: string, { data, dtype }: NDArray): Uint8Array | Float32Array => {
  if (data instanceof Float32Array || (dtype === "uint8" && data instanceof Uint8Array)) return data;
  throw new ShapeError({ who, expected: "uint8 pixels or float32", got: dtype });
};
