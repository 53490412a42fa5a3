import { NDArray } from "../../src/base/index.ts";
import { gaussianMixture, type Level } from "../../src/diffusion/index.ts";
import type { OpenedSampler, SamplerKind } from "../../src/samplers/index.ts";
import type { Truth } from "./truths.ts";
import {
  chain,
  inner,
  type Moments,
  momentsAfter,
  momentsAt,
  openedAmongTimesteps,
  openedInside,
  solved,
  walk,
} from "./walks.ts";

/** What an order can be measured of. */
export type Ordered = Extract<Truth, { readonly is: "ode" | "sde" }>;

/** An error in few steps and in twice as many, and the order that the sampler claims. */
export interface Errors {
  readonly claimed: number;
  readonly coarse: number;
  readonly fine: number;
}
export const orderOf = ({ coarse, fine }: Errors): number => Math.log2(coarse / fine);

const openedFor = (kind: SamplerKind, steps: number, truth: Ordered): OpenedSampler =>
  "among" in truth && truth.among
    ? openedAmongTimesteps(kind, steps, truth.spec)
    : openedInside(kind, steps, truth.spec);

/** A mixture on a line. */
export const bumps = gaussianMixture([
  { weight: 1, mean: [-0.8], deviation: 0.5 },
  { weight: 2, mean: [0.7], deviation: 0.6 },
]);
const starts = NDArray.of([-1.6, -0.7, 0.1, 0.9, 1.7], [5, 1]);

/** The largest errors of an ODE solver's ends from points of a line, with a mixture for data. */
export const solutionErrors = async (
  kind: SamplerKind,
  truth: Extract<Truth, { readonly is: "ode" }>,
): Promise<Errors> => {
  const run = { denoiser: bumps.denoiser, x: starts };
  const errorOf = async (steps: number): Promise<number> => {
    const open = openedFor(kind, steps, truth);
    const exact = await solved(truth.among ? chain : inner, open, run);
    return Math.max(...(await walk(open, run)).sub(exact).abs().data);
  };
  const [few, many] = truth.steps;
  const { order: claimed } = openedFor(kind, few, truth).sampler;
  return { claimed, coarse: await errorOf(few), fine: await errorOf(many) };
};

/** Gaussian data. */
export const gaussian: Moments = { mean: 0.4, deviation: 0.5 };
const { denoiser } = gaussianMixture([{ weight: 1, mean: [gaussian.mean], deviation: gaussian.deviation }]);

/** The errors of both moments at the end of a path from the right ones, in the right deviations. */
export const momentErrorsOf = async (open: OpenedSampler): Promise<Moments> => {
  const start = momentsAt(open.levels[0] as Level, gaussian);
  const end = momentsAt(open.levels.at(-1) as Level, gaussian);
  const { mean, deviation } = await momentsAfter(open, denoiser, start);
  return {
    mean: Math.abs(mean - end.mean) / end.deviation,
    deviation: Math.abs(deviation / end.deviation - 1),
  };
};

/** Those of the deviation in two numbers of steps, and the larger of the mean's. */
export const momentErrors = async (
  kind: SamplerKind,
  truth: Ordered,
): Promise<Errors & { readonly mean: number }> => {
  const finer = truth.is === "sde" ? truth.finer : undefined;
  const [few, many] = (truth.is === "ode" && truth.gaussian) || truth.steps;
  const fineTruth = { ...truth, spec: { ...truth.spec, ...finer?.spec } };
  const coarse = await momentErrorsOf(openedFor(kind, few, truth));
  const fine = await momentErrorsOf(openedFor(kind, many, fineTruth));
  return {
    claimed: finer?.order ?? openedFor(kind, few, truth).sampler.order,
    coarse: coarse.deviation,
    fine: fine.deviation,
    mean: Math.max(coarse.mean, fine.mean),
  };
};
