import { ShapeError } from "./errors.ts";

/** Sizes of an array's axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((n, axis) => n === b[axis]);

/** True when every size is a whole number, 0 or more. */
export const isShape = (shape: Shape): boolean => shape.every((n) => Number.isInteger(n) && n >= 0);

/** `shape` with its one -1 replaced so that it holds `size` elements, or a ShapeError that names `who`. */
export const resolveShape = (who: string, shape: Shape, size: number): number[] => {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const resolved = shape.map((n) => (n === -1 ? size / known : n));
  if (!isShape(resolved) || sizeOf(resolved) !== size)
    throw new ShapeError({ who, expected: `a shape of ${size} elements`, got: showShape(shape) });
  return resolved;
};

/** Row-major strides in elements. */
export const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] as number) * (shape[axis + 1] as number);
  return strides;
};

/** The shape that two shapes broadcast to by NumPy's rule, or a ShapeError that names `who`. */
export const broadcastShapes = (who: string, a: Shape, b: Shape): number[] => {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new ShapeError({
        who,
        expected: "shapes that broadcast",
        got: `${showShape(a)} and ${showShape(b)}`,
      });
    return m === 1 ? n : m;
  });
};

/** Strides that read an array of shape `from` as if it had shape `to` (0 along broadcast axes). */
export const broadcastStrides = (from: Shape, to: Shape): number[] => {
  const strides = stridesOf(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : (strides[axis - lead] as number)));
};

/** A non-negative axis, or a ShapeError: -1 is the last one. */
export const resolveAxis = (who: string, axis: number, rank: number): number => {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    throw new ShapeError({ who, expected: `an axis of a rank-${rank} array`, got: String(axis) });
  return resolved;
};
