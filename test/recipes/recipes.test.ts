import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Generator, NDArray, type Shape } from "../../src/base/index.ts";
import type { DataSpec } from "../../src/data/index.ts";
import { recipes } from "../../src/recipes/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { type DataShape, parameterCount } from "../../src/train/index.ts";

/** The data of a recipe without opening them; ten classes where there are any. */
const shapeOf = (data: DataSpec, conditional: boolean): DataShape => {
  const classes = conditional ? 10 : null;
  if (data.kind === "density") return { form: "points", image: [2, 1, 1], classes };
  if (data.kind === "heartbeat") return { form: "bits", image: [data.length, 1, 1], classes };
  const channels = data.kind === "folder" ? data.channels : data.kind === "emoji" ? 3 : 1;
  const { size = 28 } = data;
  return { form: "pictures", image: [channels, size, size], classes };
};

describe("every packaged recipe", () => {
  // Hundreds of millions of weights, at the papers' sizes, of which no number is looked at.
  beforeAll(() => {
    for (const draw of ["uniform", "symmetric", "normal"] as const)
      vi.spyOn(Generator.prototype, draw).mockImplementation((shape: Shape) => NDArray.zeros(shape));
  });
  afterAll(() => vi.restoreAllMocks());

  it.each(Object.entries(recipes))(
    "parses and builds, and has the name it is found by: %s",
    (name, input) => {
      const recipe = parseRecipe(input, name);
      expect(recipe.name).toBe(name);
      const data = shapeOf(recipe.data, recipe.config.conditioning.kind === "class");
      const stages = stagesOf(recipe, data);
      for (const { networks } of stages) expect(parameterCount(networks)).toBeGreaterThan(10_000);
    },
  );
});
