import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { diffusionProcess, scheduleSchema } from "../../src/diffusion/index.ts";
import { digitsIddpm } from "../../src/recipes/index.ts";
import { iddpmObjectives } from "../../src/systems/iddpm.ts";
import { parseRecipe, stagesOf } from "../../src/systems/index.ts";
import { vjp } from "../../src/tensor/index.ts";
import { type Doubles, interpret } from "../tensor/reference.ts";
import { lossesOf, type Said, tracedLoss } from "./losses.ts";

interface Case {
  readonly steps: number;
  readonly t: number;
  readonly shape: readonly [number, number, number, number];
  readonly x0: readonly number[];
  readonly eps: readonly number[];
  readonly predicted: readonly number[];
  readonly said: readonly number[];
  readonly hybrid: readonly number[];
  readonly vlb: readonly number[];
}
const { cases }: { readonly cases: readonly Case[] } = JSON.parse(
  await readFile(new URL("../fixtures/iddpm.json", import.meta.url), "utf8"),
);

/** The reference's error function is good to 1e-7; what lies in a tail loses digits to that. */
const AGREEMENT = 1e-5;

const processOf = (steps: number) =>
  diffusionProcess(scheduleSchema.parse({ beta_schedule: "squaredcos_cap_v2", num_train_timesteps: steps }));

/** Channel by channel: what a network says of the noise, then of the variance. */
const outputOf = ({ shape: [n, c, h, w], predicted, said }: Case): Pick<Said, "output" | "outputShape"> => {
  const size = c * h * w;
  const output = Array.from({ length: n }, (_, k) => [
    ...predicted.slice(k * size, (k + 1) * size),
    ...said.slice(k * size, (k + 1) * size),
  ]).flat();
  return { output, outputShape: [n, 2 * c, h, w] };
};

describe.each(Object.keys(iddpmObjectives) as (keyof typeof iddpmObjectives)[])(
  "the objective %s",
  (name) => {
    it.each(cases)("is that of Nichol and Dhariwal's formulas at t = $t of $steps", (each) => {
      const process = processOf(each.steps);
      const objective = iddpmObjectives[name](process);
      const found = lossesOf(objective, process.level(each.t), { ...each, ...outputOf(each) });
      for (const [i, loss] of found.entries())
        expect(Math.abs(loss / (each[name][i] as number) - 1)).toBeLessThan(AGREEMENT);
    });
  },
);

describe("the hybrid objective", () => {
  /** d Σ loss / d output, the first half of the noise and the second of the variance. */
  const gradient = (name: keyof typeof iddpmObjectives, each: Case) => {
    const process = processOf(each.steps);
    const traced = tracedLoss(iddpmObjectives[name](process), process.level(each.t), {
      ...each,
      ...outputOf(each),
    });
    const ones = vjp(traced.losses.sum(), [traced.output], traced.losses.sum().mul(0).add(1));
    const { data } = interpret(ones, traced.values)[0] as Doubles;
    const size = each.shape[1] * each.shape[2] * each.shape[3];
    const half = (which: number) =>
      Array.from({ length: each.shape[0] }, (_, k) => [
        ...data.slice((2 * k + which) * size, (2 * k + which + 1) * size),
      ]).flat();
    return { noise: half(0), variance: half(1) };
  };

  it.each(cases)("teaches the noise by L_simple alone, and the variance by the bound: t = $t", (each) => {
    const [hybrid, vlb] = [gradient("hybrid", each), gradient("vlb", each)];
    const count = each.shape[1] * each.shape[2] * each.shape[3];
    for (const [i, value] of hybrid.noise.entries()) {
      const simple = (2 * ((each.predicted[i] as number) - (each.eps[i] as number))) / count;
      expect(value).toBeCloseTo(simple, 9);
    }
    const share = (i: number) => (vlb.variance[i] as number) / 1000;
    for (const [i, value] of hybrid.variance.entries())
      expect(Math.abs(value - share(i))).toBeLessThan(1e-7 * Math.abs(share(i)) + 1e-15); // 0.001 is a float32
    expect(vlb.noise.some((value) => Math.abs(value) > 1e-6)).toBe(true);
    expect(hybrid.variance.some((value) => Math.abs(value) > 1e-9)).toBe(true);
  });
});

it("iddpm is for pictures: points have no grey values", () => {
  const recipe = parseRecipe(digitsIddpm, "digits-iddpm");
  const build = () => stagesOf(recipe, { form: "points", image: [2, 1, 1], classes: 2 });
  expect(build).toThrow(/iddpm: expected pictures, whose grey values have a probability, got points/);
});

it("iddpm needs a chain of two steps or more", () => {
  const schedule = { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 1 };
  const recipe = parseRecipe({ ...digitsIddpm, config: { ...digitsIddpm.config, schedule } }, "digits-iddpm");
  expect(() => stagesOf(recipe, { image: [1, 16, 16], classes: 10 })).toThrow(
    /iddpm: expected two timesteps/,
  );
});
