import { expect, test } from "vitest";
import { imageGenerators } from "../../src/base/index.ts";
import { diffusionProcess, noiseProcesses, scheduleSchema } from "../../src/diffusion/index.ts";
import { begin, euler, initialNoise, pathOf, type Sampler } from "../../src/samplers/index.ts";

const shape = [1, 2, 2];
const start = (process: Parameters<typeof pathOf>[0]) =>
  begin(
    { kind: "noise" },
    {
      levels: pathOf(process, { steps: 5 }),
      sampler: euler() as Sampler,
      generators: imageGenerators(3, 2),
      shape,
      seed: 3,
    },
  ).x;
const noise = () => initialNoise(imageGenerators(3, 2), shape);

test("where the variance is preserved a walk begins with the generators' noise, bit for bit", () => {
  for (const beta_schedule of ["linear", "squaredcos_cap_v2"])
    expect(start(diffusionProcess(scheduleSchema.parse({ beta_schedule })))).toEqual(noise());
  expect(start(noiseProcesses.vp())).toEqual(noise());
  expect(start(noiseProcesses.rectified_flow())).toEqual(noise());
});

test("where it explodes, with noise of the first level's deviation", () => {
  for (const [process, sigma] of [
    [noiseProcesses.edm(), 80],
    [noiseProcesses.ve(), 50],
  ] as const)
    start(process).data.forEach((value, i) => {
      // The data's own variance, 1 beside σ², is in it.
      expect(value / ((noise().data[i] as number) * Math.sqrt(1 + sigma ** 2))).toBeCloseTo(1, 6);
    });
});
