import { type NDArray, type PlainArray, ShapeError, sameShape, sizeOf } from "../base/index.ts";

/** Where each named float32 array lies in one flat buffer. */
export interface FlatLayout {
  readonly entries: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly offset: number;
  }[];
  readonly size: number;
}

export const flatLayout = (
  arrays: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): FlatLayout => {
  let size = 0;
  const entries = [...arrays].map(([name, { shape }]) => {
    const offset = size;
    size += sizeOf(shape);
    return { name, shape, offset };
  });
  return { entries, size };
};

/** The arrays of a buffer by name, sharing its memory. */
export const viewsOf = ({ entries }: FlatLayout, buffer: Float32Array): Record<string, PlainArray> =>
  Object.fromEntries(
    entries.map(({ name, shape, offset }) => [
      name,
      { dtype: "float32", shape, data: buffer.subarray(offset, offset + sizeOf(shape)) },
    ]),
  );

/** Copies named arrays into one buffer. @throws ShapeError for a name that is missing or of another shape */
export const packed = ({ entries, size }: FlatLayout, arrays: ReadonlyMap<string, NDArray>): Float32Array => {
  const buffer = new Float32Array(size);
  for (const { name, shape, offset } of entries) {
    const array = arrays.get(name);
    if (!array || !sameShape(array.shape, shape) || array.dtype !== "float32")
      throw new ShapeError({
        who: `parameter "${name}"`,
        expected: `float32[${shape.join(", ")}]`,
        got: array ? `${array.dtype}[${array.shape.join(", ")}]` : "nothing",
      });
    buffer.set(array.data, offset);
  }
  return buffer;
};
