import { type Generator, NDArray, type Shape } from "../base/index.ts";

/**
 * Standard normal noise to start from, [n, ...shape]: image k from generator k alone, so that it comes out
 * the same in any batch.
 * @param shape of one image, [c, h, w]
 */
export const initialNoise = (generators: readonly Generator[], shape: Shape): NDArray =>
  NDArray.stack(generators.map((generator) => generator.normal(shape)));

/** The noise of one step after the other, [n, ...shape], from the generators that made the initial noise. */
export const stepNoise =
  (generators: readonly Generator[], shape: Shape): (() => NDArray) =>
  () =>
    initialNoise(generators, shape);
