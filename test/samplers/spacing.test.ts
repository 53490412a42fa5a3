import { expect, test } from "vitest";
import { ArgumentError } from "../../src/base/index.ts";
import { diffusionProcess, lambdaOf, scheduleSchema } from "../../src/diffusion/index.ts";
import { pathOf, type Spacing, spacedTimesteps } from "../../src/samplers/index.ts";
import { fixture } from "./diffusers-cases.ts";

/** The fixture shortens long lists to [first, second, "...", last but one, last, length]. */
const shortened = (list: readonly number[]): (number | string)[] =>
  list.length <= 10 ? [...list] : [...list.slice(0, 2), "...", ...list.slice(-2), list.length];

test.each(Object.entries(fixture.ddimTimesteps))("timesteps are diffusers': %s", (name, expected) => {
  const [spacing, steps, offset] = name.split(" ").map((part) => part.split("=").at(-1));
  const timesteps = spacedTimesteps(spacing as Spacing, {
    steps: Number(steps),
    trained: 1000,
    offset: Number(offset),
  });
  expect(shortened(timesteps)).toEqual(expected);
});

test("halves are rounded to even, as NumPy does", () => {
  // 1000 / 16 = 62.5: 937.5 becomes 938, 812.5 becomes 812; then 1 is taken off.
  const trailing = spacedTimesteps("trailing", { steps: 16, trained: 1000 });
  expect(trailing.slice(0, 4)).toEqual([999, 937, 874, 811]);
  expect(spacedTimesteps("linspace", { steps: 3, trained: 6 })).toEqual([5, 2, 0]);
});

test("halves that NumPy's products miss by a rounding go where they do", () => {
  expect(spacedTimesteps("trailing", { steps: 48, trained: 1000 })[3]).toBe(936); // 937.5, which arange makes 937.4999
  expect(spacedTimesteps("linspace", { steps: 27, trained: 1000 })[13]).toBe(499); // 499.5, which is even at 500
});

test.each([
  [40, [999, 874, 724, 574, 449, 299, 149]],
  [100, [999, 859, 719, 579, 429, 289, 149]],
])("a model that was distilled at %i timesteps knows some of those", (distilled, timesteps) => {
  const options = { steps: 7, trained: 1000, grid: "distilled", distilled } as const;
  expect(spacedTimesteps("leading", options)).toEqual(timesteps);
  expect(() => spacedTimesteps("leading", { ...options, steps: 101 })).toThrow(`from 1 to ${distilled}`);
  expect(() => spacedTimesteps("leading", { ...options, trained: 39 })).toThrow(`at least ${distilled}`);
});

test("every number of steps gives falling timesteps inside the trained ones", () => {
  for (const spacing of ["leading", "linspace", "trailing"] as const)
    for (let steps = 1; steps <= 100; steps++) {
      const timesteps = spacedTimesteps(spacing, { steps, trained: 100 });
      expect(timesteps.length).toBe(steps);
      for (const [i, t] of timesteps.entries()) {
        expect(t).toBeLessThan(timesteps[i - 1] ?? 100);
        expect(t).toBeGreaterThanOrEqual(0);
      }
    }
});

test("a single step starts at the noisiest timestep with trailing spacing alone", () => {
  const first = (spacing: Spacing) => spacedTimesteps(spacing, { steps: 1, trained: 1000 });
  expect(first("trailing")).toEqual([999]);
  expect(first("leading")).toEqual([0]);
  expect(first("linspace")).toEqual([0]);
});

test.each([0, -1, 2.5, 1001, Number.NaN])("%f steps of 1000 are refused", (steps) => {
  const space = () => spacedTimesteps("leading", { steps, trained: 1000 });
  expect(space).toThrow(ArgumentError);
  expect(space).toThrow(
    `steps: expected an integer from 1 to 1000, the timesteps the network was trained at, got ${steps}`,
  );
});

const process = diffusionProcess(scheduleSchema.parse({}));

test("a path ends at the clean level unless told otherwise", () => {
  expect(pathOf(process, { spacing: [500, 0] }).map(({ t }) => t)).toEqual([500, 0, -1]);
  expect(pathOf(process, { spacing: [500], final: "least" }).at(-1)).toEqual(process.level(0));
});

test("an offset past the last trained timestep is refused", () => {
  const timesteps = spacedTimesteps("leading", { steps: 1000, trained: 1000, offset: 1 });
  expect(() => pathOf(process, { spacing: timesteps })).toThrow(
    "timestep: expected from 0 to 999, or -1 for the clean level, got 1000",
  );
});

test("DPM-Solver's multistep form alone cuts Karras' timesteps of the cosine schedule, where others round", () => {
  const timesteps = (beta_schedule: string, grid: "multistep" | "exponential") => {
    const process = diffusionProcess(scheduleSchema.parse({ beta_schedule }), { float32: true });
    // Without the first, where the reference's float32 cuts 998.9999 to 998.
    const levels = pathOf(process, { steps: 8, sigmas: "karras" }, grid).slice(1, -1);
    return levels.map(({ t }) => t);
  };
  expect(timesteps("squaredcos_cap_v2", "multistep")).toEqual([998, 998, 998, 994, 965, 508, 0]);
  expect(timesteps("squaredcos_cap_v2", "exponential")).toEqual([999, 998, 998, 995, 966, 508, 0]);
  expect(timesteps("linear", "multistep")).toEqual(timesteps("linear", "exponential"));
});

test.each(["leading", "linspace", "trailing"] as const)(
  "%s leaves timesteps noisier than a λ out",
  (spacing) => {
    const whole = pathOf(process, { steps: 8, spacing });
    const cut = pathOf(process, { steps: 8, spacing, lambdaMin: -2 });
    expect(cut.length).toBe(whole.length);
    expect(Math.min(...whole.map(lambdaOf))).toBeLessThan(-2);
    expect(Math.min(...cut.map(lambdaOf))).toBeGreaterThanOrEqual(-2);
  },
);
