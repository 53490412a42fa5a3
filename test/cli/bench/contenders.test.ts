import { describe, expect, test } from "vitest";
import { NDArray } from "../../../src/base/index.ts";
import { budgetOf, contenders } from "../../../src/cli/bench/contenders.ts";
import { chosenSampling } from "../../../src/cli/sampling-options.ts";
import { recipes } from "../../../src/recipes/index.ts";
import { hasSampler, parseRecipe, type Recipe, stagesOf } from "../../../src/systems/index.ts";
import { Parameter } from "../../../src/tensor/index.ts";

const recipeOf = (name: string): Recipe => parseRecipe(recipes[name], name) as Recipe;
const digits = { form: "pictures", image: [1, 16, 16], classes: 10 } as const;
const parametersOf = (name: string): number =>
  budgetOf(stagesOf(recipeOf(name), digits).at(-1)?.networks ?? {});

describe("the contenders of the trilemma", () => {
  test("have names of their own", () => {
    expect(new Set(contenders.map(({ name }) => name)).size).toBe(contenders.length);
  });

  test.each(contenders)("$name is a packaged recipe of digits, sampled as it can be", async (contender) => {
    const recipe = recipeOf(contender.recipe);
    expect(recipe.data).toEqual(recipeOf("digits").data);
    const sampling = await chosenSampling(recipe, null, contender.sampling);
    if (hasSampler(recipe)) {
      const { sampler, guidance } = sampling as typeof recipe.sampling;
      expect([sampler.steps, guidance]).toEqual([contender.evaluations, 1]);
    }
  });

  test.each(["digits", "digits-gan", "digits-vae", "digits-ddgan"])(
    "%s is within 15 percent of the budget",
    (name) => expect(Math.abs(parametersOf(name) / 702_753 - 1)).toBeLessThan(0.15),
  );

  test("a discriminator is no part of the budget", () => {
    const network = (size: number) => ({ weight: new Parameter(NDArray.zeros([size])) });
    expect(budgetOf({ generator: network(3), encoder: network(2), discriminator: network(4) })).toBe(5);
  });
});
