import { describe, expect, test } from "vitest";
import { ArgumentError, Generator } from "../../src/base/index.ts";
import {
  CLEAN,
  gaussianMixture,
  type Level,
  networkDenoiser,
  noiseToSignal,
} from "../../src/diffusion/index.ts";
import {
  ddim,
  ddimInversion,
  inversionPath,
  openSampler,
  pathOf,
  readScheduler,
  type Sampler,
  sample,
  samplerSchema,
  writeScheduler,
} from "../../src/samplers/index.ts";
import { caseNamed, model, startSample } from "./diffusers-cases.ts";
import { refuseNoise } from "./walks.ts";

describe("a scheduler configuration", () => {
  test("of Stable Diffusion is read, with keys of other classes along", () => {
    const scheduler = readScheduler(
      {
        _class_name: "PNDMScheduler",
        _diffusers_version: "0.6.0",
        beta_end: 0.012,
        beta_schedule: "scaled_linear",
        beta_start: 0.00085,
        clip_sample: false,
        num_train_timesteps: 1000,
        set_alpha_to_one: false,
        skip_prk_steps: true,
        steps_offset: 1,
        trained_betas: null,
      },
      50,
    );
    expect(scheduler.sampler).toMatchObject({
      kind: "pndm",
      skipPrk: true,
      offset: 1,
      final: "least",
      steps: 50,
    });
    const { levels } = openSampler(scheduler.sampler, scheduler.process);
    expect(levels.slice(0, 2).map(({ t }) => t)).toEqual([981, 961]);
    expect(noiseToSignal(levels[0] as Level) ** -2).toBeCloseTo(0.0056, 3);
  });

  test.each([
    [{ _class_name: "NoScheduler" }, "_class_name: expected one of DDPMScheduler"],
    [{}, "_class_name: expected one of DDPMScheduler"],
    [{ _class_name: "DDIMScheduler", eta_noise: 3 }, "expected keys of diffusers' schedulers, got eta_noise"],
    [{ _class_name: "DDIMScheduler", beta_start: 2 }, "expected a noise schedule, got beta_start"],
    [
      { _class_name: "DDIMScheduler", beta_schedule: "cubic" },
      "expected a noise schedule, got beta_schedule",
    ],
    [{ _class_name: "DDIMScheduler", timestep_spacing: "log" }, "DDIMScheduler: expected its configuration"],
    [
      { _class_name: "EulerDiscreteScheduler", use_karras_sigmas: true, use_beta_sigmas: true },
      "sigmas: expected one spacing, got use_karras_sigmas and use_beta_sigmas",
    ],
    [
      { _class_name: "DDIMScheduler", rescale_betas_zero_snr: true },
      "rescale_betas_zero_snr: expected a network that predicts v_prediction or sample",
    ],
    [{ _class_name: "DPMSolverMultistepScheduler", solver_order: 9 }, "expected its configuration"],
    [
      { _class_name: "DPMSolverMultistepScheduler", use_flow_sigmas: true },
      "use_flow_sigmas: expected false, as no other is supported, got true",
    ],
    [{ _class_name: "DEISMultistepScheduler", lambda_min_clipped: -5.1 }, "lambda_min_clipped"],
    [
      { _class_name: "EulerDiscreteScheduler", timestep_type: "continuous" },
      "timestep_type: expected discrete",
    ],
    [{ _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true }, "use_dynamic_shifting"],
    [{ _class_name: "LCMScheduler", original_inference_steps: 0 }, "expected its configuration"],
    [
      { _class_name: "UniPCMultistepScheduler", sigma_min: 0.03 },
      "expected its configuration, got sigma_min",
    ],
  ])("that makes no sense is refused: %o", (config, message) => {
    expect(() => readScheduler(config)).toThrow(ArgumentError);
    expect(() => readScheduler(config)).toThrow(message);
  });

  /** What diffusers writes of classes that it has given keys for what is not done here. */
  const shifting = { use_dynamic_shifting: false, time_shift_type: "exponential" };
  test.each([
    [
      "DPMSolverMultistep",
      { use_flow_sigmas: false, flow_shift: 1, lambda_min_clipped: -Infinity, ...shifting },
    ],
    ["DEISMultistep", { algorithm_type: "deis", solver_type: "logrho", use_flow_sigmas: false, ...shifting }],
    [
      "UniPCMultistep",
      { disable_corrector: [], solver_p: null, sigma_min: null, shift_terminal: null, ...shifting },
    ],
    ["LCM", { original_inference_steps: 50 }],
    [
      "FlowMatchEulerDiscrete",
      { base_shift: 0.5, max_image_seq_len: 4096, invert_sigmas: false, ...shifting },
    ],
  ])("of %s with keys at values that ask for nothing is read", (name, keys) => {
    const [plain, keyed] = [{}, keys].map((more) =>
      readScheduler({ _class_name: `${name}Scheduler`, ...more }, 10),
    );
    expect(keyed?.sampler).toEqual(plain?.sampler);
  });

  test("passes from class to class and back, and samples as it did", async () => {
    const names = [
      "DPMSolverMultistep",
      "DPMSolverSinglestep",
      "UniPCMultistep",
      "DEISMultistep",
      "DPMSolverMultistep",
    ];
    const golden = caseNamed("DPM++2M eps");
    let config: Record<string, unknown> = golden.cfg;
    // Keys of the class before stay in the file: UniPC is told a solver of DPM-Solver's, and DPM-Solver one of UniPC's.
    for (const name of names)
      config = {
        ...config,
        ...writeScheduler(readScheduler({ ...config, _class_name: `${name}Scheduler` })),
      };
    const { process, sampler: spec } = readScheduler(config, 10);
    const { sampler, levels } = openSampler(spec, process);
    const denoiser = networkDenoiser(async (x, t) => model(x, t));
    let end = startSample;
    for await (const { x } of sample({ denoiser, sampler, levels, x: end, noise: refuseNoise })) end = x;
    expect(end.abs().mean().item()).toBeCloseTo(0.3301, 4);
    expect(config).toMatchObject({
      solver_order: 2,
      lower_order_final: false,
      final_sigmas_type: "sigma_min",
    });
  });

  test("of a sampler that diffusers has not is not written", () => {
    const { process } = readScheduler({ _class_name: "DDIMScheduler" });
    const sampler = samplerSchema.parse({ kind: "langevin" });
    expect(() => writeScheduler({ process, prediction: "epsilon", sampler })).toThrow(
      "sampler: expected one that diffusers has, got langevin",
    );
  });

  test("of as many steps as timesteps keeps them all", () => {
    const { process, sampler } = readScheduler(
      { _class_name: "DPMSolverMultistepScheduler", num_train_timesteps: 100 },
      100,
    );
    expect(openSampler(sampler, process).levels).toHaveLength(101);
  });
});

describe("a path", () => {
  const { process } = readScheduler({ _class_name: "DDIMScheduler" });

  test.each([
    [{ spacing: [5, 9] }, "timesteps: expected numbers that fall, got 9 after 5"],
    [{ spacing: [9, 9] }, "timesteps: expected numbers that fall, got 9 after 9"],
    [{ spacing: [9, 5], steps: 3 }, "steps: expected 2, the length of the list given, or none, got 3"],
    [{ sigmas: [1, 2] }, "sigmas: expected numbers that fall, got 2 after 1"],
    [{ sigmas: [] }, "sigmas: expected numbers that fall, got none"],
    [{ spacing: [1000, 5] }, "timestep: expected from 0 to 999"],
    [{ steps: 0 }, "steps: expected an integer from 1 to 1000"],
    [{ steps: -3 }, "steps: expected an integer from 1 to 1000"],
    [{ steps: 1001 }, "steps: expected an integer from 1 to 1000"],
  ])("that cannot be walked is refused: %o", (options, message) => {
    expect(() => pathOf(process, options)).toThrow(message);
  });

  test("of given noise has it", () => {
    const levels = pathOf(process, { sigmas: [80, 3, 0.5] });
    expect(
      levels
        .slice(0, -1)
        .map(noiseToSignal)
        .map((sigma) => Number(sigma.toFixed(9))),
    ).toEqual([80, 3, 0.5]);
    expect(levels.at(-1)).toBe(CLEAN);
  });

  test("is shifted once: every σ / α is multiplied", () => {
    const [plain, shifted] = [1, 3].map((shift) => pathOf(process, { steps: 10, shift }));
    for (const [i, level] of (plain as Level[]).slice(0, -1).entries())
      expect(noiseToSignal((shifted as Level[])[i] as Level) / noiseToSignal(level)).toBeCloseTo(3, 9);
  });
});

const mixture = gaussianMixture([
  { weight: 1, mean: [-0.7, 0.3], deviation: 0.3 },
  { weight: 2, mean: [0.6, -0.2], deviation: 0.4 },
]);

test("inversion and back comes the nearer the more steps there are", async () => {
  const { process } = readScheduler({ _class_name: "DDIMScheduler" });
  const x = mixture.sample(64, new Generator(0));
  const walk = async (sampler: Sampler<undefined>, levels: readonly Level[], start: typeof x) => {
    let end = start;
    const run = { denoiser: mixture.denoiser, sampler, levels, x: start, noise: refuseNoise };
    for await (const frame of sample(run)) end = frame.x;
    return end;
  };
  const errors: number[] = [];
  for (const steps of [10, 40, 160]) {
    const levels = pathOf(process, { steps, spacing: "leading" });
    const code = await walk(ddimInversion(), inversionPath(levels), x);
    errors.push((await walk(ddim(), levels, code)).sub(x).abs().mean().item());
  }
  const [few, some, many] = errors as [number, number, number];
  expect(some).toBeLessThan(few / 2);
  expect(many).toBeLessThan(some / 2);
  expect(many).toBeLessThan(0.02);
});

test.each(["dpm_multistep", "dpm_singlestep", "deis", "unipc"] as const)(
  "%s is finite at data, for every number of steps and every order",
  async (kind) => {
    const { process } = readScheduler({ _class_name: "DDIMScheduler" });
    const x = new Generator(0).normal([4, 2]);
    for (let steps = 1; steps <= 20; steps++)
      for (const order of [1, 2, 3])
        for (const sigmas of [undefined, "karras"]) {
          const spec = samplerSchema.parse({
            kind,
            steps,
            order,
            sigmas,
            lowerOrderFinal: false,
            clip: null,
          });
          const { sampler, levels } = openSampler(spec, process);
          let end = x;
          const run = { denoiser: mixture.denoiser, sampler, levels, x, noise: refuseNoise };
          for await (const frame of sample(run)) end = frame.x;
          expect(end.abs().mean().item()).toBeLessThan(10);
        }
  },
);
