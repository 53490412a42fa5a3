import { ArgumentError, type Generator, type NDArray } from "../base/index.ts";
import type { Denoiser } from "./denoiser.ts";
import { qSample, qStep } from "./forward.ts";
import { discretisedLog, normalKl, normalLog } from "./normal.ts";
import {
  chainVarianceRange,
  posterior,
  posteriorVariance,
  type ReverseVariance,
  reverseVariance,
  varianceInRange,
} from "./posterior.ts";
import { CLEAN, type DiffusionProcess, type Level } from "./process.ts";

export interface ElboOptions {
  readonly denoiser: Denoiser;
  readonly process: DiffusionProcess;
  readonly generator: Generator;
  /** The variance of the reverse step. */
  readonly variance?: ReverseVariance;
  /**
   * How many of the terms L_1 … L_{T−1} are evaluated, at timesteps drawn anew: an unbiased estimate of their sum for
   * fewer evaluations. All of them unless told.
   */
  readonly draws?: number;
  /** Whether data are grey values in [-1, 1], how many, or points of a continuum. */
  readonly decoder?:
    | { readonly kind: "discretised"; readonly levels: number }
    | { readonly kind: "continuous" };
}

/** The bound −log p(x0) ≤ L_0 + L_1 + … + L_T in bits per dimension, averaged over samples. */
export interface Elbo {
  /** L_0: how well the last step says the data. */
  readonly reconstruction: number;
  /** L_t for t = 1 … T − 1, at index t: the curve; index 0 is L_0. NaN for what was not drawn. */
  readonly terms: Float64Array;
  /** L_T: how far the noised data are from the noise that sampling starts at. */
  readonly prior: number;
  readonly total: number;
  /** Of the total, over the samples and the timesteps drawn. */
  readonly standardError: number;
}

/**
 * The variational bound, each of its terms by one draw of x_t a sample (Ho et al. 2020, eq. 5; Sohl-Dickstein et al.
 * 2015). T evaluations of the denoiser, or 1 + `draws`.
 * @param x0 [n, ...]
 * @throws ArgumentError for no samples, fewer than 2 draws, or draws from a chain of one step
 */
export const elbo = async (x0: NDArray, options: ElboOptions): Promise<Elbo> => {
  const { process, generator } = options;
  const [n = 1] = x0.shape;
  const totals = new Float64Array(n);
  const found: Found[] = [];
  const count = (perSample: Float64Array, share = 1): number => {
    for (const [k, value] of perSample.entries()) totals[k] = (totals[k] as number) + share * value;
    return mean(perSample);
  };
  for (const { t, share } of visitsOf(options)) {
    const from = process.level(t);
    const x = qSample(x0, generator.normal(x0.shape), from);
    const value = count(await reverseTerm(x0, x, from, process.level(t - 1), options), share);
    found.push({ t, share, value });
  }
  const terms = curveOf(found, process.steps);
  const last = process.level(process.steps - 1);
  const prior = count(bits(x0, (value) => normalKl(last.alpha * value, last.sigma ** 2, 1)));
  const total = mean(totals);
  return {
    reconstruction: terms[0] as number,
    terms,
    prior,
    total,
    standardError: Math.sqrt(varianceOf(totals) / n + (options.draws ? varianceOfDraws(found) : 0)),
  };
};

/** A term to evaluate, and how much it counts in the sum. */
interface Visit {
  readonly t: number;
  readonly share: number;
}
/** And what it came to, on average over the samples. */
interface Found extends Visit {
  readonly value: number;
}

const visitsOf = ({ process, generator, draws }: ElboOptions): Visit[] => {
  const last = process.steps - 1;
  if (draws === undefined)
    return Array.from({ length: process.steps }, (_, k) => ({ t: last - k, share: 1 }));
  if (!Number.isInteger(draws) || draws < 2 || last < 1)
    throw new ArgumentError({
      who: "elbo",
      expected: "two draws or more, from a chain of two steps or more",
      got: `${draws} from ${process.steps}`,
    });
  const drawn = generator.integers(1, process.steps, [draws]).data;
  return [{ t: 0, share: 1 }, ...Array.from(drawn, (t) => ({ t, share: last / draws }))];
};

const curveOf = (found: readonly Found[], steps: number): Float64Array =>
  Float64Array.from({ length: steps }, (_, t) =>
    mean(Float64Array.from(found.filter((each) => each.t === t).map(({ value }) => value))),
  );

/** Of the sum of the drawn terms, which are independent. */
const varianceOfDraws = (found: readonly Found[]): number => {
  const drawn = found.filter(({ t }) => t > 0).map(({ share, value }) => share * value);
  return drawn.length * varianceOf(Float64Array.from(drawn));
};

/** L_{t−1} of every sample, or L_0 where the step ends at data. */
const reverseTerm = async (
  x0: NDArray,
  x: NDArray,
  from: Level,
  to: Level,
  options: ElboOptions,
): Promise<Float64Array> => {
  const { means, variances } = await reverseStep(x, from, to, options);
  if (to.sigma === 0) return bits(x0, (value, i) => -decoderLog(value, means(i), variances(i), options));
  const { data: truth } = posterior(x, x0, from, to).mean;
  const variance = posteriorVariance(from, to);
  return bits(x0, (_, i) => normalKl((truth[i] as number) - means(i), variance, variances(i)));
};

/** p(x_s | x_t): mean and variance of every coordinate. */
const reverseStep = async (x: NDArray, from: Level, to: Level, options: ElboOptions) => {
  const { denoiser, process, variance: rule = "fixed_small" } = options;
  const { x0, variance: said } = await denoiser(x, from);
  const { data } = posterior(x, x0, from, to).mean;
  // β̃ is 0 for the step to data: that of the step before stands in.
  const stands = to.sigma === 0 && process.steps > 1 ? chainVarianceRange(process, 0) : null;
  const variance =
    stands && rule === "fixed_small"
      ? Math.exp(stands.least)
      : stands && rule === "learned_range" && said
        ? varianceInRange(said, stands)
        : reverseVariance(rule, from, to, said);
  const flat = typeof variance === "number" ? null : variance.data;
  return {
    means: (i: number) => data[i] as number,
    variances: (i: number) => (flat ? (flat[i] as number) : (variance as number)),
  };
};

const decoderLog = (x: number, mean: number, variance: number, { decoder }: ElboOptions): number => {
  const { kind, levels } = { levels: 256, kind: "discretised", ...decoder } as const;
  return kind === "continuous"
    ? normalLog(x - mean, variance)
    : discretisedLog(x, mean, Math.sqrt(variance), levels);
};

/**
 * The same bound seen from the hierarchical VAE whose latents are the chain: E_q[log q(x_{1:T} | x_0) − log p(x_{0:T})]
 * in bits per dimension, one draw of the chain a sample, [n] (Kingma et al. 2021, section 3). Its expectation is
 * {@link elbo}'s total, its spread is larger. It cannot take `fixed_small`'s stand-in for granted: both use it.
 */
export const hierarchicalElbo = async (x0: NDArray, options: ElboOptions): Promise<Float64Array> => {
  const { process, generator } = options;
  const chain = [x0];
  for (const beta of process.betas)
    chain.push(qStep(chain.at(-1) as NDArray, beta, generator.normal(x0.shape)));
  const total = bits(chain.at(-1) as NDArray, (value) => -normalLog(value, 1));
  const add = (part: Float64Array): void => {
    for (const [k, value] of part.entries()) total[k] = (total[k] as number) + value;
  };
  for (const [t, beta] of process.betas.entries()) {
    const [below, above] = [chain[t] as NDArray, chain[t + 1] as NDArray];
    const [from, to] = [process.level(t), t === 0 ? CLEAN : process.level(t - 1)];
    const keep = Math.sqrt(1 - beta);
    add(bits(above, (value, i) => normalLog(value - keep * (below.data[i] as number), beta)));
    const { means, variances } = await reverseStep(above, from, to, options);
    const log = (value: number, i: number) =>
      t === 0
        ? decoderLog(value, means(i), variances(i), options)
        : normalLog(value - means(i), variances(i));
    add(bits(below, (value, i) => -log(value, i)));
  }
  return total;
};

/** The sum over a sample's coordinates, given in nats, as bits per dimension; [n]. */
const bits = (x: NDArray, nats: (value: number, index: number) => number): Float64Array => {
  const [n = 1] = x.shape;
  if (n === 0) throw new ArgumentError({ who: "elbo", expected: "at least one sample", got: "none" });
  const size = x.size / n;
  const sums = new Float64Array(n);
  for (let i = 0; i < x.size; i++) {
    const k = Math.floor(i / size);
    sums[k] = (sums[k] as number) + nats(x.data[i] as number, i) / (size * Math.LN2);
  }
  return sums;
};

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** NaN for a single value. */
const varianceOf = (values: Float64Array): number => {
  const center = mean(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1);
};
