import { expect, test } from "vitest";
import { Generator, imageGenerators, NDArray } from "../../src/base/index.ts";
import { initialNoise, stepNoise } from "../../src/samplers/index.ts";

test("image k of a batch has the noise of seed + k, at the start and in every step", () => {
  const shape = [3, 4, 4];
  const generators = imageGenerators(7, 3);
  const start = initialNoise(generators, shape);
  const next = stepNoise(generators, shape);
  const draws = [start, next(), next()];
  for (let k = 0; k < 3; k++) {
    const alone = new Generator(7 + k);
    for (const draw of draws) expect(draw.row(k)).toEqual(alone.normal(shape));
  }
  expect(start).toBeInstanceOf(NDArray);
  expect(start.shape).toEqual([3, 3, 4, 4]);
});
