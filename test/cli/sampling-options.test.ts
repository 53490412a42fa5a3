import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chosenSampling, type SamplingChoice, samplingWords } from "../../src/cli/sampling-options.ts";
import { digits, digitsGan } from "../../src/recipes/index.ts";
import { parseRecipe } from "../../src/systems/index.ts";
import { temporaryFolder } from "./program.ts";

const classes = Array.from({ length: 10 }, (_, k) => String(k));
/** With settings of its own wherever it can have some. */
const recipe = parseRecipe(
  {
    ...digits,
    sampling: {
      sampler: { kind: "ddim", steps: 30, eta: 0.5, spacing: "leading", offset: 1 },
      guidance: 2,
      rescale: 0.5,
    },
  },
  "recipe",
);
const numbers = new Set(["steps", "eta", "guidance", "rescale"]);

/** Words of a command line as the options that they set. */
const asChoice = (words: Readonly<Record<string, string | number>>): SamplingChoice =>
  Object.fromEntries(
    Object.entries(words).map(([name, value]) => [
      name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      numbers.has(name) ? Number(value) : String(value),
    ]),
  );

const choices: readonly SamplingChoice[] = [
  {},
  { steps: 10 },
  { sampler: "ddim" },
  { rescale: 0 },
  { samplerOptions: "eta=0,spacing=trailing" },
  { sampler: "unipc", sigmas: "8,2,0.5", samplerOptions: "clip=null,final=least" },
  { sampler: "ancestral" },
  { sampler: "ddim", spacing: "999,500,3", eta: 1 },
  { samplerOptions: 'clip={"quantile":0.99,"max":3}' },
  { guidance: 3, rescale: 0.1, interval: "0.2,8", negative: "4" },
];

describe("the words of a sampling", () => {
  it.each(choices)("choose it again, whatever the recipe's own: %o", async (choice) => {
    const sampling = await chosenSampling(recipe, classes, choice);
    const words = samplingWords(sampling, recipe, classes);
    expect(await chosenSampling(recipe, classes, asChoice(words))).toEqual(sampling);
  });

  it("also of a diffusers file, without the file", async () => {
    const file = join(await temporaryFolder(), "scheduler_config.json");
    const config = { _class_name: "DDIMScheduler", beta_schedule: "squaredcos_cap_v2" };
    await writeFile(file, JSON.stringify(config));
    const sampling = await chosenSampling(recipe, classes, { scheduler: file, steps: 20 });
    const words = samplingWords(sampling, recipe, classes);
    expect(words).not.toHaveProperty("scheduler");
    expect(await chosenSampling(recipe, classes, asChoice(words))).toEqual(sampling);
  });
});

it("a diffusers file may say infinity, as Python writes it", async () => {
  const file = join(await temporaryFolder(), "scheduler_config.json");
  const keys = '"beta_schedule": "squaredcos_cap_v2", "_note": "Infinity"';
  await writeFile(
    file,
    `{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, ${keys}}`,
  );
  const { sampler } = await chosenSampling(recipe, classes, { scheduler: file });
  expect(sampler).toMatchObject({ kind: "dpm_multistep", algorithm: "dpmsolver++" });
  expect(sampler).not.toHaveProperty("lambdaMin");
});

describe("what is chosen", () => {
  it("is the recipe's sampler with its settings, or another as the catalogue has it", async () => {
    const own = await chosenSampling(recipe, classes, {});
    expect(own).toEqual(recipe.sampling);
    const named = await chosenSampling(recipe, classes, { sampler: "ddim" });
    expect(named.sampler).toMatchObject({ steps: 50, eta: 0, spacing: "trailing" });
  });

  it("has as many steps as a list", async () => {
    const listed = await chosenSampling(recipe, classes, { sampler: "euler", sigmas: "3,1,0.2" });
    expect(listed.sampler).toMatchObject({ steps: 3, sigmas: [3, 1, 0.2] });
  });

  it("is no --sampler beside a --scheduler", async () => {
    await expect(chosenSampling(recipe, classes, { sampler: "ddim", scheduler: "x.json" })).rejects.toThrow(
      "--scheduler: expected no --sampler beside it, got ddim",
    );
  });
});

describe("a system that makes an image in one step", () => {
  const gan = parseRecipe(digitsGan, "gan");

  it("has fields of its own, which its words choose again", async () => {
    const sampling = await chosenSampling(gan, classes, { sampling: "temperature=0.7" });
    expect(sampling).toEqual({ temperature: 0.7 });
    const words = samplingWords(sampling, gan, classes);
    expect(words).toEqual({ sampling: "temperature=0.7" });
    expect(await chosenSampling(gan, classes, asChoice(words))).toEqual(sampling);
    expect(samplingWords(await chosenSampling(gan, classes, {}), gan, classes)).toEqual({});
  });

  it.each<[SamplingChoice, string]>([
    [{ steps: 10 }, "--steps: expected a system that goes from noise to images step by step, got gan"],
    [{ samplerOptions: "eta=1" }, "--sampler-options: expected a system that goes from noise"],
    [{ guidance: 2 }, "sampling: expected options that it has"],
    [{ sampling: "heat=1" }, "sampling: expected options that it has"],
    [{ sampling: "temperature" }, '--sampling: expected key=value with commas, got "temperature"'],
  ])("does not take %o", async (choice, message) => {
    await expect(chosenSampling(gan, classes, choice)).rejects.toThrow(message);
  });
});
