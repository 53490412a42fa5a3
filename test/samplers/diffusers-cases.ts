import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  clipped,
  type Denoiser,
  type DiffusionProcess,
  diffusionProcess,
  type Level,
  networkDenoiser,
  noiseToSignal,
  type Prediction,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import { type Sampler, type Spacing, sample } from "../../src/samplers/index.ts";
import { refuseNoise } from "./walks.ts";

/** A run of one of diffusers' schedulers on the fixture's samples and model. */
export interface Case {
  readonly cfg: {
    readonly num_train_timesteps: number;
    readonly beta_start: number;
    readonly beta_end: number;
    readonly beta_schedule: "linear" | "squaredcos_cap_v2";
    readonly prediction_type?: "v_prediction" | "sample";
    readonly timestep_spacing?: Spacing;
    readonly set_alpha_to_one?: boolean;
  };
  readonly timesteps: readonly number[];
  readonly sigmas?: readonly number[] | boolean | null;
  readonly steps?: number;
  readonly noise_from?: number | null;
  /** In torch's memory order, in which the batch is the innermost axis. */
  readonly first4: readonly number[];
  readonly last: number;
  readonly mean: number;
  readonly trace: readonly number[];
}

export const fixture: {
  readonly cases: Readonly<Record<string, Case>>;
  readonly ddimTimesteps: Readonly<Record<string, readonly (number | string)[]>>;
} = JSON.parse(readFileSync(new URL("../fixtures/schedulers.json", import.meta.url), "utf8"));

export const caseNamed = (name: string): Case => {
  const found = fixture.cases[name];
  if (!found) throw new Error(`the fixture has no case "${name}"`);
  return found;
};

export const imageShape = [4, 3, 8, 8];
const place = (i: number): number => (i % 192) * 4 + Math.floor(i / 192);
const filled = (value: (place: number) => number): NDArray =>
  NDArray.of(
    Array.from({ length: 768 }, (_, i) => value(place(i)) / 768),
    imageShape,
  );
export const startSample = filled((p) => p);
export const startNoise = filled((p) => 767 - p);

export const model = (x: NDArray, t: number): NDArray => x.mul(t / (t + 1));

/** The fixture's model taken for an estimate of eps, v or x0, as the case says. */
const denoiserOf = (prediction: Prediction): Denoiser =>
  networkDenoiser(async (x, t) => model(x, t), { prediction });

export const processOf = ({ cfg }: Case): DiffusionProcess => {
  const { num_train_timesteps, beta_start, beta_end, beta_schedule } = cfg;
  return diffusionProcess(scheduleSchema.parse({ num_train_timesteps, beta_start, beta_end, beta_schedule }));
};

/** x after each step. */
export const runCase = async (
  { cfg }: Case,
  run: { sampler: Sampler; levels: readonly Level[]; x?: NDArray; noise?: () => NDArray },
): Promise<NDArray[]> => {
  const denoiser = clipped(denoiserOf(cfg.prediction_type ?? "epsilon"), { keepEps: true });
  const states: NDArray[] = [];
  for await (const { x } of sample({ x: startSample, noise: refuseNoise, denoiser, ...run })) states.push(x);
  return states;
};

/** The reference computes in float32; sums over an image average its rounding out. */
export const SUM = 1e-5;
/**
 * The reference takes β from float32 as 1 − ᾱ_t / ᾱ_{t−1}, which at t = 1 is wrong by up to 2.5e-4. With its
 * coefficients rounded the same way the steps from t = 1 and 0 agree to 1e-9; in float64 they differ by this.
 */
export const LAST_STEPS = 1e-4;

/**
 * diffusers' LMS begun within a path takes the weights of as many slopes as there were steps before, but has one: the
 * others count as nothing.
 * @param shape of the samples
 */
export const withoutPast = (sampler: Sampler, shape: readonly number[]): Sampler => ({
  ...sampler,
  init: (levels, begin = 0) =>
    levels
      .slice(Math.max(0, begin - 3), begin)
      .reverse()
      .map((level) => ({ position: noiseToSignal(level), d: NDArray.zeros(shape) })),
});

const absoluteSum = (x: NDArray): number => x.abs().sum().item();

/**
 * Compares the sums of |x| after the traced steps, each with its tolerance, and elements of the end, those
 * below the mean of |x| against that mean.
 */
export const expectCase = (
  golden: Case,
  states: readonly NDArray[],
  traced: readonly { readonly step: number; readonly tolerance: number }[] = states.map((_, step) => ({
    step,
    tolerance: SUM,
  })),
): void => {
  expect(traced.length).toBe(golden.trace.length);
  for (const [i, { step, tolerance }] of traced.entries())
    expectNear(absoluteSum(states[step] as NDArray), golden.trace[i] as number, tolerance);
  const { data } = states.at(-1) as NDArray;
  const tolerance = traced.at(-1)?.tolerance ?? 0;
  for (const [i, want] of [...golden.first4, golden.last].entries())
    expectNear(data[i < 4 ? i * 192 : 767] as number, want, tolerance, Math.max(golden.mean, Math.abs(want)));
};

const expectNear = (got: number, want: number, tolerance: number, scale = Math.abs(want)): void =>
  expect(Math.abs(got - want), `${got} is not ${want}`).toBeLessThanOrEqual(tolerance * scale);
