import { expect } from "vitest";
import type { NetworkResults } from "./page.ts";

/** Of images in [-1, 1], and of the largest gradient: builds of onnxruntime and devices sum in different orders. */
export const TOLERANCE = 1e-3;
/** Gradients that are zero in exact arithmetic, of a bias before a normalisation, count against this part of the largest. */
const FLOOR = 1e-3;

export const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

export const distance = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return largest(a.map((value, i) => value - (b[i] as number)));
};

/** Images, loss and every gradient are the expected ones. */
export const expectAgreement = (got: NetworkResults, expected: NetworkResults): void => {
  expect(distance(got.images, expected.images)).toBeLessThan(TOLERANCE);
  expect(Math.abs(got.loss - expected.loss)).toBeLessThan(TOLERANCE);
  expect(Object.keys(got.gradients)).toEqual(Object.keys(expected.gradients));
  const floor = FLOOR * largest(Object.values(expected.gradients).map(largest));
  for (const [name, gradient] of Object.entries(expected.gradients))
    expect(distance(got.gradients[name] ?? [], gradient), name).toBeLessThan(
      TOLERANCE * Math.max(floor, largest(gradient)),
    );
};
