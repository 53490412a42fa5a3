import { describe, expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { type DiffusionProcess, networkDenoiser, noiseProcesses } from "../../src/diffusion/index.ts";
import {
  openSampler,
  readScheduler,
  type Scheduler,
  sample,
  samplerSchema,
  writeScheduler,
} from "../../src/samplers/index.ts";
import { model, startSample } from "./diffusers-cases.ts";
import { refuseNoise } from "./walks.ts";

/** The reference computes in float32; sums over an image average its rounding out. */
const SUM = 1e-5;
/** At EDM's last times, ln(σ) / 4 below -1, the fixture's model t / (t + 1) magnifies it. */
const MAGNIFIED = 5e-5;

/** The sum of |x| after each step. */
const run = async ({ sampler: spec, ...scheduler }: Scheduler, x: NDArray): Promise<number[]> => {
  const { sampler, levels, limit } = openSampler(spec, scheduler.process);
  const network = networkDenoiser(async (x, t) => model(x, t), scheduler);
  const sums: number[] = [];
  for await (const frame of sample({ denoiser: limit(network), sampler, levels, x, noise: refuseNoise }))
    sums.push(frame.x.abs().sum().item());
  return sums;
};

const expectSums = (sums: readonly number[], wanted: readonly number[], tolerance: number): void => {
  expect(sums.length).toBe(wanted.length);
  for (const [i, want] of wanted.entries())
    expect(Math.abs((sums[i] as number) / want - 1), `step ${i + 1}`).toBeLessThan(tolerance);
};

test.each([
  ["DDPMScheduler", { beta_schedule: "linear", beta_start: 1e-4, beta_end: 0.02 }],
  ["EulerDiscreteScheduler", { beta_schedule: "linear", beta_start: 1e-4, beta_end: 0.02 }],
  ["HeunDiscreteScheduler", { beta_schedule: "linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["KDPM2DiscreteScheduler", { beta_schedule: "linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["KDPM2AncestralDiscreteScheduler", { beta_schedule: "linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["DPMSolverSDEScheduler", { beta_schedule: "linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["LCMScheduler", { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["TCDScheduler", { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["UnCLIPScheduler", { beta_schedule: "squaredcos_cap_v2" }],
])("a configuration that leaves its keys out has the schedule of its class: %s", (_class_name, schedule) => {
  const { process } = readScheduler({ _class_name });
  expect((process as DiffusionProcess).schedule).toMatchObject(schedule);
});

describe("EDM", () => {
  const config = { _class_name: "EDMEulerScheduler", prediction_type: "v_prediction" };

  test("with a network that predicts v agrees with diffusers", async () => {
    const scheduler = readScheduler(config, 10);
    const sums = await run(scheduler, startSample.mul(Math.hypot(80, 1)));
    const trace = [
      16220.960269983858, 8027.327781310305, 3655.6807702519, 1494.826924261637, 536.4779929283541,
    ];
    const rest = [194.48146697343327, 142.87377686222317, 167.05049962498015, 385.25006982288323];
    expectSums(sums, [...trace, ...rest, 380.9196475938661], MAGNIFIED);
    expect(writeScheduler(scheduler)).toMatchObject(config);
  });

  test("of data of no deviation is refused", () => {
    expect(() => readScheduler({ ...config, sigma_data: 0 })).toThrow(
      "expected its configuration, got sigma_data",
    );
  });
});

describe("a flow", () => {
  const config = { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true };

  test.each([
    [
      "exponential",
      [363.1478427144466, 341.19284842256457, 317.47897096408997, 291.84522507572547, 264.1363493022509],
      [234.2229789760895, 202.0402196616633, 167.66113234346267, 131.4516696537903, 131.25014055121574],
    ],
    [
      "linear",
      [331.7778315774631, 289.3908061784459, 254.3202970206621, 225.04736101831077, 200.4154792256304],
      [179.53496219526278, 161.71577551454538, 146.42254117608536, 133.2632115749875, 133.21581482494366],
    ],
  ] as const)("shifted by its caller agrees with diffusers: %s", async (time_shift_type, first, second) => {
    const scheduler = readScheduler({ ...config, time_shift_type }, 10, { mu: 0.8 });
    expectSums(await run(scheduler, startSample), [...first, ...second], SUM);
  });

  test("that is shifted by its caller says that mu is missing", () => {
    expect(() => readScheduler(config, 10)).toThrow(
      "use_dynamic_shifting: expected mu, which its caller computes from the size of an image, got none",
    );
  });

  test("is shifted before its noise is spaced, as in diffusers", () => {
    const { sampler, process } = readScheduler(
      { _class_name: "FlowMatchEulerDiscreteScheduler", shift: 2.5, use_karras_sigmas: true },
      5,
    );
    const sigmas = openSampler(sampler, process).levels.map(({ sigma }) => sigma);
    const wanted = [1, 0.3802627623081207, 0.12380144745111465, 0.0325116366147995, 0.006217359099537134, 0];
    for (const [i, want] of wanted.entries()) expect(sigmas[i]).toBeCloseTo(want, 6);
  });

  const once = (kind: string): Scheduler => ({
    process: noiseProcesses.rectified_flow(),
    prediction: "flow_prediction",
    sampler: samplerSchema.parse({
      kind,
      frame: "flow",
      steps: 10,
      shift: 3,
      spacing: "linspace",
      clip: null,
    }),
  });

  test("of one's own, which is shifted once, is written as one that its caller shifts", () => {
    const scheduler = once("euler");
    const written = writeScheduler(scheduler);
    expect(written).toMatchObject(config);
    const again = readScheduler(written, 10, { mu: Math.log(3) });
    const levels = ({ sampler, process }: Scheduler) => openSampler(sampler, process).levels;
    for (const [i, { sigma }] of levels(again).entries())
      expect(sigma).toBeCloseTo(levels(scheduler)[i]?.sigma as number, 12);
  });

  test("that diffusers would shift once more is not written", () => {
    expect(() => writeScheduler(once("heun"))).toThrow("process: expected a flow down to 0.00299");
  });

  test("of a network that predicts something else is not written", () => {
    expect(() => writeScheduler({ ...once("euler"), prediction: "epsilon" })).toThrow(
      "sampler: expected one that diffusers has, got euler",
    );
  });
});
