import { describe, expect, it } from "vitest";
import { recipes } from "../../src/recipes/index.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { parametersOf } from "../../src/train/index.ts";

describe("every packaged recipe", () => {
  it.each(Object.entries(recipes))(
    "parses and builds, and has the name it is found by: %s",
    (name, input) => {
      const recipe = parseRecipe(input, name);
      expect(recipe.name).toBe(name);
      const { size = 28 } = recipe.data;
      const channels = "channels" in recipe.data ? recipe.data.channels : 1;
      const classes = recipe.config.conditioning.kind === "class" ? 10 : null;
      const stages = stagesOf(recipe, { image: [channels, size, size], classes });
      expect(parametersOf(stages[0]?.networks ?? {}).size).toBeGreaterThan(50);
    },
  );
});
