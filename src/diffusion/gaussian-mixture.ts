import { ArgumentError, type Generator, NDArray } from "../base/index.ts";
import type { Denoiser } from "./denoiser.ts";
import type { Level } from "./process.ts";

/** One normal distribution of a mixture, the same in every direction. */
export interface Component {
  readonly weight: number;
  /** [d] */
  readonly mean: readonly number[];
  readonly deviation: number;
}

/** A density whose noised versions, denoiser and score have closed forms. Points are rows, [n, d]. */
export interface GaussianMixture {
  readonly components: readonly Component[];
  /** n draws, [n, d]. */
  sample(n: number, generator: Generator): NDArray;
  /** ln p_t of each row at a level, [n], in nats. */
  logDensity(x: NDArray, level: Level): Float64Array;
  /** E[x0 | x_t], what the best network would say, with its pullback. */
  readonly denoiser: Denoiser;
}

/** At one point: each component's responsibility and its own E[x0 | x_t]. */
interface Posterior {
  readonly logDensity: number;
  readonly shares: readonly number[];
  readonly estimates: readonly (readonly number[])[];
  /** Each component's own E[ε | x_t], which is 0 at the clean level. */
  readonly noises: readonly (readonly number[])[];
}

/**
 * A mixture of isotropic normal distributions: under x_t = α x0 + σ ε each stays one, of mean α m and variance
 * α² s² + σ². With one component it is the data for which every sampler can be judged exactly.
 * @throws ArgumentError unless weights are positive, deviations not negative and means of one length
 */
export const gaussianMixture = (components: readonly Component[]): GaussianMixture => {
  const d = checkComponents(components);
  const total = components.reduce((sum, { weight }) => sum + weight, 0);

  const posteriorAt = (x: readonly number[], { alpha, sigma }: Level): Posterior => {
    const parts = components.map(({ weight, mean, deviation }) => {
      const variance = (alpha * deviation) ** 2 + sigma ** 2;
      const offsets = x.map((value, i) => value - alpha * (mean[i] as number));
      const square = offsets.reduce((sum, offset) => sum + offset ** 2, 0);
      const gain = (alpha * deviation ** 2) / variance;
      return {
        log: Math.log(weight / total) - square / (2 * variance) - (d / 2) * Math.log(2 * Math.PI * variance),
        estimate: offsets.map((offset, i) => (mean[i] as number) + gain * offset),
        noise: offsets.map((offset) => (sigma * offset) / variance),
      };
    });
    const most = Math.max(...parts.map(({ log }) => log));
    const sum = parts.reduce((all, { log }) => all + Math.exp(log - most), 0);
    return {
      logDensity: most + Math.log(sum),
      shares: parts.map(({ log }) => Math.exp(log - most) / sum),
      estimates: parts.map(({ estimate }) => estimate),
      noises: parts.map(({ noise }) => noise),
    };
  };

  /** ∂x0/∂x · v = α/σ² Cov(x0 | x) v, symmetric. */
  const jacobianTimes = (x: readonly number[], v: readonly number[], level: Level): number[] => {
    const { alpha, sigma } = level;
    const { shares, estimates } = posteriorAt(x, level);
    const mean = weighted(shares, estimates);
    const out = v.map(() => 0);
    for (const [k, { deviation }] of components.entries()) {
      const share = shares[k] as number;
      const gain = (alpha * deviation ** 2) / ((alpha * deviation) ** 2 + sigma ** 2);
      const apart = mean.map((value, i) => (estimates[k]?.[i] as number) - value);
      const along = apart.reduce((sum, value, i) => sum + value * (v[i] as number), 0);
      for (const [i, value] of apart.entries())
        out[i] =
          (out[i] as number) + share * (gain * (v[i] as number) + (alpha / sigma ** 2) * along * value);
    }
    return out;
  };

  return {
    components,
    sample(n, generator) {
      const chosen = Array.from(generator.uniform([n]).data, (u) => componentAt(components, u * total));
      const noise = generator.normal([n, d]);
      const at = (i: number): number => {
        const { mean, deviation } = chosen[Math.floor(i / d)] as Component;
        return (mean[i % d] as number) + deviation * (noise.data[i] as number);
      };
      return NDArray.of(
        Array.from({ length: n * d }, (_, i) => at(i)),
        [n, d],
      );
    },
    logDensity: (x, level) => Float64Array.from(rowsOf(x, d), (row) => posteriorAt(row, level).logDensity),
    async denoiser(x, level) {
      const rows = rowsOf(x, d);
      const posteriors = rows.map((row) => posteriorAt(row, level));
      const averaged = (of: (posterior: Posterior) => readonly (readonly number[])[]) =>
        NDArray.of(
          posteriors.flatMap((posterior) => weighted(posterior.shares, of(posterior))),
          x.shape,
        );
      return {
        x0: averaged(({ estimates }) => estimates),
        eps: averaged(({ noises }) => noises),
        pullback: async (v) => {
          const products = rowsOf(v, d).map((row, k) => jacobianTimes(rows[k] as number[], row, level));
          return NDArray.of(products.flat(), x.shape);
        },
      };
    },
  };
};

const checkComponents = (components: readonly Component[]): number => {
  const d = components[0]?.mean.length ?? 0;
  const fits = ({ weight, mean, deviation }: Component) =>
    weight > 0 && deviation >= 0 && mean.length === d && d > 0;
  if (d > 0 && components.every(fits)) return d;
  throw new ArgumentError({
    who: "mixture",
    expected: "components of positive weight, deviations of 0 or more and means of one length",
    got: JSON.stringify(components),
  });
};

const componentAt = (components: readonly Component[], mass: number): Component => {
  let below = 0;
  const found = components.find(({ weight }) => {
    below += weight;
    return mass < below;
  });
  return found ?? (components.at(-1) as Component);
};

const rowsOf = (x: NDArray, d: number): number[][] =>
  Array.from({ length: x.size / d }, (_, k) => Array.from(x.data.subarray(k * d, (k + 1) * d)));

const weighted = (shares: readonly number[], vectors: readonly (readonly number[])[]): number[] =>
  (vectors[0] ?? []).map((_, i) =>
    shares.reduce((sum, share, k) => sum + share * (vectors[k]?.[i] as number), 0),
  );
