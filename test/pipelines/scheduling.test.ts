import { describe, expect, it } from "vitest";
import { familyOf } from "../../src/pipelines/families.ts";
import { lowResLevels, schedulerFor } from "../../src/pipelines/scheduling.ts";
import { samplerSchema } from "../../src/samplers/index.ts";

const own = {
  _class_name: "EulerDiscreteScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  clip_sample: true,
  steps_offset: 0,
};
const stable = familyOf("StableDiffusionPipeline", "x");
const xl = familyOf("StableDiffusionXLPipeline", "x");
const level = { t: 999, alpha: 0.1, sigma: Math.sqrt(0.99) };

describe("schedulerFor", () => {
  it("reads the model's scheduler with so many steps", () => {
    const { sampler } = schedulerFor(own, stable, { steps: 7 });
    expect(sampler).toMatchObject({ kind: "euler", steps: 7 });
  });

  it("starts a timestep later and clips nothing where diffusers' pipelines do, whatever the file says", () => {
    const ddim = { ...own, _class_name: "DDIMScheduler" };
    expect(schedulerFor(ddim, stable, { steps: 5 }).sampler).toMatchObject({ clip: null, offset: 1 });
    expect(schedulerFor(ddim, xl, { steps: 5 }).sampler).toMatchObject({ clip: 1 });
  });

  it("puts another class in its place, with the model's configuration", () => {
    const scheduling = { kind: "class", name: "UniPCMultistepScheduler" } as const;
    const { sampler, process } = schedulerFor(own, stable, { steps: 5, scheduling });
    expect(sampler.kind).toBe("unipc");
    expect(process.level(500)).toEqual(schedulerFor(own, stable, { steps: 5 }).process.level(500));
  });

  it("puts a sampler of ours in its place, in the model's process", () => {
    const spec = samplerSchema.parse({ kind: "dpm_multistep", clip: null });
    const scheduling = { kind: "sampler", spec } as const;
    const { sampler, deviation } = schedulerFor(own, stable, { steps: 9, scheduling });
    expect(sampler).toMatchObject({ kind: "dpm_multistep", steps: 9 });
    expect(deviation(level)).toBeCloseTo(1, 12);
  });

  it("begins with noise of diffusers' own deviation, which differs by class", () => {
    expect(schedulerFor(own, stable, { steps: 5 }).deviation(level)).toBe(level.sigma);
    const leading = { ...own, timestep_spacing: "leading" };
    expect(schedulerFor(leading, stable, { steps: 5 }).deviation(level)).toBeCloseTo(1, 12);
  });

  it("names a class that is none", () => {
    const scheduling = { kind: "class", name: "WarpScheduler" } as const;
    expect(() => schedulerFor(own, stable, { steps: 5, scheduling })).toThrow(
      /EulerDiscreteScheduler.*WarpScheduler/,
    );
  });
});

describe("lowResLevels", () => {
  const config = { _class_name: "DDPMScheduler", num_train_timesteps: 50 };
  it("are the process's own, by timestep", () => {
    const { alpha, sigma } = lowResLevels(config, 350)(7);
    expect(alpha ** 2 + sigma ** 2).toBeCloseTo(1, 6);
  });
  it.each([-1, 50, 1.5])("refuse %d", (t) => {
    expect(() => lowResLevels(config, 350)(t)).toThrow("a whole number from 0 to 49");
  });
  it("go no further than the pipeline says", () => {
    expect(() => lowResLevels(config, 20)(21)).toThrow("from 0 to 20");
  });
});
