import { readFile } from "node:fs/promises";
import { Generator, NDArray, type Shape } from "../../src/base/index.ts";

/** Features of images [2, ...image] that a seed draws. */
interface Case {
  readonly image: Shape;
  readonly seed: number;
  readonly features: { readonly shape: Shape; readonly data: readonly number[] };
}

/** What pytorch-fid computes; see test/fixtures/README.md. */
export const inceptionFixture: {
  readonly seed: number;
  readonly stride: number;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly cases: readonly Case[];
} = JSON.parse(await readFile(new URL("../fixtures/inception.json", import.meta.url), "utf8"));

/** The fixture's weights under pytorch-fid's names, drawn as its script draws them. */
export const drawnInception = (): Map<string, NDArray> => {
  const generator = new Generator(inceptionFixture.seed);
  return new Map(
    Object.entries(inceptionFixture.shapes).map(([name, shape]) => {
      if (name.endsWith("conv.weight")) {
        const [, c = 1, kh = 1, kw = 1] = shape;
        return [name, generator.normal(shape).mul(Math.sqrt(2 / (c * kh * kw)))];
      }
      if (name.endsWith("running_var")) return [name, generator.uniform(shape).mul(0.5).add(1)];
      if (name.endsWith("bn.weight")) return [name, generator.normal(shape).mul(0.1).add(1)];
      if (name.endsWith("bn.bias") || name.endsWith("running_mean"))
        return [name, generator.normal(shape).mul(0.1)];
      return [name, NDArray.zeros(shape)];
    }),
  );
};
