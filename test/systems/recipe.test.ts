import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/index.ts";
import { digits, digitsAdm, digitsGan } from "../../src/recipes/index.ts";
import { parseRecipe, samplingOf, stagesOf, unguided } from "../../src/systems/index.ts";

describe("parseRecipe", () => {
  it("fills in every default", () => {
    const { training, config } = parseRecipe(digits, "digits");
    expect(training.optimizer).toEqual({ kind: "adamw", betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 });
    expect(config.schedule).toMatchObject({ num_train_timesteps: 1000 });
  });

  it("gives itself when parsed again, so that what a run saves is what it ran", () => {
    const once = parseRecipe(digits, "digits");
    expect(parseRecipe(JSON.parse(JSON.stringify(once)), "digits")).toEqual(once);
  });

  it.each([
    [{ system: "ddqm" }, /system/],
    [{ training: { ...digits.training, bacth: 3 } }, /training: .*bacth/],
    [{ training: { ...digits.training, ema: 1 } }, /training\.ema/],
    [
      { training: { ...digits.training, steps: "300" } },
      /training\.steps: .*expected number, received string/,
    ],
    [{ training: { ...digits.training, steps: 1.5 } }, /training\.steps: .*expected int/],
    [{ steps: 3, trainning: {} }, /"steps", "trainning"/],
    [{ name: "a/b" }, /name: expected letters/],
    [{ sampling: { guidance: -1 } }, /sampling\.guidance/],
    [{ data: { kind: "folder", path: "x", size: 16, size32: 1 } }, /data: .*size32/],
  ])("lists what is wrong by its path: %j", (change, pattern) => {
    const parse = () => parseRecipe({ ...digits, ...change }, "mine.json");
    expect(parse).toThrow(ArgumentError);
    expect(parse).toThrow(pattern);
  });
});

it("parseRecipe takes 1e4 for the whole number that it is", () => {
  const training = JSON.parse('{"steps":1e4}');
  expect(parseRecipe({ ...digits, training }, "mine.json").training.steps).toBe(10_000);
});

describe("samplingOf", () => {
  it("changes what is named and keeps the rest", () => {
    const recipe = parseRecipe(digits, "digits");
    expect(samplingOf(recipe, { guidance: 4 })).toEqual({ ...recipe.sampling, guidance: 4 });
    expect(() => samplingOf(recipe, { guidence: 4 })).toThrow(/guidence/);
  });
});

describe("unguided", () => {
  it("leaves out every guidance, and changes nothing else", () => {
    const led = parseRecipe(digitsAdm, "adm");
    const sampling = { ...led.sampling, guidance: 1, classifierScale: 0 };
    expect(unguided(led)).toEqual({ ...led, sampling });
    const atOnce = parseRecipe(digitsGan, "gan");
    expect(unguided(atOnce)).toEqual(atOnce);
  });
});

describe("stagesOf", () => {
  it("refuses a network that does not fit together, by its name", () => {
    const network = { ...digits.config.network, norm_num_groups: 7 };
    const recipe = parseRecipe({ ...digits, config: { ...digits.config, network } }, "digits");
    const build = () => stagesOf(recipe, { image: [1, 16, 16], classes: 10 });
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow(/config\.network: expected a U-Net for these images, got .*not 32 by 7/);
  });

  it("refuses to condition on classes that the images do not have", () => {
    const recipe = parseRecipe(digits, "digits");
    expect(() => stagesOf(recipe, { image: [1, 16, 16], classes: null })).toThrow(/images with classes/);
  });
});
