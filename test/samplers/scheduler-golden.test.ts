import { expect, test } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  type Level,
  lambdaOf,
  networkDenoiser,
  noiseToSignal,
  qSample,
} from "../../src/diffusion/index.ts";
import { openSampler, readScheduler, sample } from "../../src/samplers/index.ts";
import {
  type Case,
  expectCase,
  fixture,
  model,
  startNoise,
  startSample,
  withoutPast,
} from "./diffusers-cases.ts";

/** How a family of cases is run: its class, its loop, and which of the traced evaluations end a step. */
interface Family {
  readonly className: string;
  /** `scaled`: the step receives what the network saw, and samples are kept as x / alpha. */
  readonly loop: "plain" | "scaled" | "preconditioned";
  readonly tolerance: number;
  /** The traced evaluation at which step k of n ended. */
  readonly traced: (k: number, n: number) => number;
}

const one = (k: number): number => k;
const two = (k: number, n: number): number => (k === n - 1 ? 2 * k : 2 * k + 1);

/** Sums over an image average the rounding of the reference's float32 out; scaling the sample magnifies it. */
const [PLAIN, SCALED] = [1e-5, 1e-4];
/**
 * Cases that the reference's own float32 moves further. With its coefficients and noise in float64 it gives our
 * numbers to 1e-6; EDM's model takes t = ln(σ) / 4 to -1.55, where t / (t + 1) magnifies rounding, and one step
 * of LCM is a difference of numbers that agree in three digits.
 */
const ROUNDED: Readonly<Record<string, number>> = {
  "PNDM alpha_one b.01": 2e-5,
  "EDM-DPM++ eps": 5e-5,
  "EDM-DPM++ with_noise t5": 5e-5,
  "LCM 1 step": 2e-5,
};
const plain = (className: string, traced: Family["traced"] = one): Family => ({
  className,
  loop: "plain",
  tolerance: PLAIN,
  traced,
});
const scaled = (className: string, traced: Family["traced"] = one): Family => ({
  className,
  loop: "scaled",
  tolerance: SCALED,
  traced,
});

const families: Readonly<Record<string, Family>> = {
  "PNDM skip": plain("PNDMScheduler", (k) => k + 1),
  PNDM: plain("PNDMScheduler", (k) => (k < 3 ? 4 * k + 3 : 9 + k)),
  EulerA: scaled("EulerAncestralDiscreteScheduler"),
  Euler: scaled("EulerDiscreteScheduler"),
  Heun: scaled("HeunDiscreteScheduler", two),
  LMS: scaled("LMSDiscreteScheduler"),
  KDPM2A: scaled("KDPM2AncestralDiscreteScheduler", two),
  KDPM2: scaled("KDPM2DiscreteScheduler", two),
  "DPM++": plain("DPMSolverMultistepScheduler"),
  "DPM single": plain("DPMSolverSinglestepScheduler"),
  UniPC: plain("UniPCMultistepScheduler"),
  DEIS: plain("DEISMultistepScheduler"),
  EDMEuler: { className: "EDMEulerScheduler", loop: "preconditioned", tolerance: PLAIN, traced: one },
  "EDM-DPM++": plain("EDMDPMSolverMultistepScheduler"),
  LCM: plain("LCMScheduler"),
  TCD: plain("TCDScheduler"),
  FlowMatchEuler: plain("FlowMatchEulerDiscreteScheduler"),
  FlowMatchHeun: plain("FlowMatchHeunDiscreteScheduler", two),
};

const familyOf = (name: string): Family | undefined =>
  Object.entries(families).find(([prefix]) => name.startsWith(prefix))?.[1];

/** A golden case ready to run. */
const open = (name: string, golden: Case) => {
  const family = familyOf(name) as Family;
  const steps = golden.steps ?? 10;
  const config = { _class_name: family.className, ...golden.cfg };
  const scheduler = readScheduler(config, steps);
  const opened = openSampler(
    { ...scheduler.sampler, ...(name.includes("eta0") && { eta: 0 }) } as never,
    scheduler.process,
  );
  return { family, scheduler, ...opened, begin: golden.noise_from ?? 0 };
};

/** x / alpha after each step, of a loop in which each model call overwrites the sample by what the model sees. */
const runScaled = async (name: string, golden: Case): Promise<NDArray[]> => {
  const { scheduler, sampler, levels, begin } = open(name, golden);
  const network = networkDenoiser(async (x, t) => model(x, t), {
    prediction: scheduler.prediction,
    inputScale: ({ alpha }) => 1 / alpha,
  });
  const generator = new Generator(0);
  const noise = () => generator.normal(startSample.shape);
  const path = levels.slice(begin);
  const first = noiseToSignal(levels[0] as Level);
  const largest = golden.cfg.timestep_spacing === "leading" ? Math.hypot(first, 1) : first;
  const start = startSample.mul(largest);
  let y = begin > 0 ? start.add(startNoise.mul(noiseToSignal(path[0] as Level))) : start;
  const own = name.startsWith("LMS") ? withoutPast(sampler, startSample.shape) : sampler;
  let memory = own.init(levels, begin);
  const states: NDArray[] = [];
  for (const [i, to] of path.slice(1).entries()) {
    const from = path[i] as Level;
    let calls = 0;
    const denoise: Denoiser = (x, level) => network(calls++ === 0 ? x : x.mul(level.alpha), level);
    // What the model sees, alpha · y, stands for y: as x it is alpha² · y.
    const step = await sampler.step({ x: y.mul(from.alpha ** 2), from, to, denoise, noise, memory });
    y = step.x.div(to.alpha);
    memory = step.memory;
    states.push(y);
  }
  return states;
};

/** x after each step. */
const run = async (name: string, golden: Case): Promise<NDArray[]> => {
  const { family, scheduler, sampler, levels, limit, begin } = open(name, golden);
  const { prediction, inputScale = () => 1 } = scheduler;
  const scale = family.loop === "preconditioned" ? inputScale : () => 1;
  const network = networkDenoiser(async (x, t) => model(x, t), { prediction, inputScale: scale });
  const generator = new Generator(0);
  const start = family.loop === "preconditioned" ? startSample.mul(Math.hypot(80, 1)) : startSample;
  const states: NDArray[] = [];
  for await (const { x } of sample({
    denoiser: limit(network),
    sampler,
    levels,
    begin,
    x: begin > 0 ? qSample(start, startNoise, levels[begin] as Level) : start,
    noise: () => generator.normal(startSample.shape),
  }))
    states.push(x);
  return states;
};

const cases = Object.entries(fixture.cases).filter(([name]) => familyOf(name));

test("cases of every family are here", () => {
  expect(new Set(cases.map(([name]) => familyOf(name))).size).toBe(Object.keys(families).length);
});

test.each(cases)("%s", async (name, golden) => {
  const family = familyOf(name) as Family;
  const states = await (family.loop === "scaled" ? runScaled : run)(name, golden);
  const traced = golden.trace.map(() => null as number | null);
  for (const k of states.keys()) traced[family.traced(k, states.length)] = k;
  const ends = traced.flatMap((step, i) => (step === null ? [] : [{ step, i }]));
  expectCase(
    { ...golden, trace: ends.map(({ i }) => golden.trace[i] as number) },
    states,
    ends.map(({ step }) => ({ step, tolerance: ROUNDED[name] ?? family.tolerance })),
  );
});

/** One rounding of the reference's float32 and of its products of a thousand of them. */
const FLOAT32 = 2e-6;
/** Neighbours this near are one level twice. */
const NEAR = 1e-6;

test.each(cases.filter(([, { sigmas }]) => Array.isArray(sigmas)))(
  "times and noise of %s",
  (name, golden) => {
    const { levels } = open(name, golden);
    const evaluated = levels.slice(0, -1);
    const unique = (list: readonly number[]) =>
      list.filter((value, i) => i === 0 || Math.abs(value / (list[i - 1] as number) - 1) > NEAR);
    const inFlow = name.startsWith("Flow");
    const noiseOf = inFlow ? ({ sigma }: Level) => sigma : noiseToSignal;
    if (!name.startsWith("KDPM2"))
      for (const [i, t] of unique(golden.timesteps).entries())
        expect(Math.abs((evaluated[i]?.t as number) - t)).toBeLessThanOrEqual(1e-3);
    const sigmas = unique(golden.sigmas as number[]).filter((sigma) => sigma > 0);
    const own = unique(levels.map(noiseOf)).filter((sigma) => sigma > 0);
    if (!name.startsWith("KDPM2")) {
      expect(own.length).toBe(sigmas.length);
      for (const [i, sigma] of sigmas.entries())
        expect(Math.abs((own[i] as number) / sigma - 1)).toBeLessThan(FLOAT32);
    }
    expect(lambdaOf(evaluated[0] as Level)).toBeLessThan(lambdaOf(levels.at(-1) as Level));
  },
);
