import type { Doubles } from "./reference.ts";

// What is zero in exact arithmetic is rounding noise here: it counts against values of this size.
const floor = 0.1;

/** The largest difference, relative to the largest reference value; infinite where shapes or finiteness differ. */
export const relativeDifference = (
  got: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  expected: Doubles,
): number => {
  if (got.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  let largest = floor;
  let difference = 0;
  expected.data.forEach((value, i) => {
    const distance = Math.abs((got.data[i] as number) - value);
    difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / largest;
};
