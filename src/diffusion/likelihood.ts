import { ArgumentError, type Generator, NDArray, type Shape } from "../base/index.ts";
import { type Denoiser, epsOf } from "./denoiser.ts";
import { normalLog } from "./normal.ts";
import type { Level, NoiseProcess } from "./process.ts";
import { rungeKutta45, type Tolerances } from "./runge-kutta.ts";

export interface LikelihoodOptions extends Tolerances {
  /** With a pullback. */
  readonly denoiser: Denoiser;
  readonly process: NoiseProcess;
  /**
   * How the divergence is had: exactly, by as many pullbacks as a sample has coordinates, or estimated by random
   * signs, the same over the whole path (Hutchinson 1990; Grathwohl et al. 2019, section 3.1), on average over `probes`
   * of them, 1 unless told.
   */
  readonly trace:
    | { readonly kind: "exact" }
    | { readonly kind: "hutchinson"; readonly generator: Generator; readonly probes?: number };
}

/** ln p of samples, and what it took. */
export interface Likelihood {
  /** [n], in nats. */
  readonly logDensity: Float64Array;
  /** −log₂ p a dimension, averaged over samples: of a density, so it may be negative. */
  readonly bitsPerDimension: number;
  /** Of that mean, over the samples. */
  readonly standardError: number;
  readonly evaluations: number;
}

/** The level whose σ / (α + σ) is s: the flow's time, finite for every process. */
const levelOf = (process: NoiseProcess, s: number): Level => process.levelAt(Math.log((1 - s) / s));

/**
 * The density of samples by the probability-flow ODE (Song et al. 2021, section 4.3 and appendix D.2): from data, taken
 * to lie at the process' cleanest level, to noise, with y = x / (α + σ), dy/ds = eps − x0, and ln p gaining the
 * divergence of that on the way.
 * @param x [n, ...]
 * @throws ArgumentError when the denoiser has no pullback, or probes are not a whole number of 1 or more
 */
export const likelihood = async (x: NDArray, options: LikelihoodOptions): Promise<Likelihood> => {
  const { process, denoiser } = options;
  const [n = 1] = x.shape;
  const d = x.size / n;
  const [first, last] = process.span.map((time) => process.level(time)) as [Level, Level];
  const probes = probesOf(options.trace, x);
  let evaluations = 0;

  const derivative = async (state: Float64Array, s: number): Promise<Float64Array> => {
    const level = levelOf(process, s);
    const scale = level.alpha + level.sigma;
    const at = NDArray.of(
      state.subarray(0, x.size).map((value) => value * scale),
      x.shape,
    );
    evaluations += 1;
    const denoised = await denoiser(at, level);
    const trace = await traceOf(denoised.pullback, probes, n);
    const eps = epsOf(denoised, at, level);
    const slope = new Float64Array(state.length);
    for (let i = 0; i < x.size; i++) slope[i] = (eps.data[i] as number) - (denoised.x0.data[i] as number);
    // d = (x − α x0) / σ − x0, so its divergence in y is (α + σ) ((d − α tr J) / σ − tr J).
    for (let k = 0; k < n; k++) {
      const t = trace[k] as number;
      slope[x.size + k] = scale * ((d - level.alpha * t) / level.sigma - t);
    }
    return slope;
  };

  const scales = [first, last].map(({ alpha, sigma }) => alpha + sigma) as [number, number];
  const ends = [first.sigma / scales[0], last.sigma / scales[1]] as const;
  const initial = Float64Array.from({ length: x.size + n }, (_, i) =>
    i < x.size ? (x.data[i] as number) / scales[0] : 0,
  );
  const state = await rungeKutta45(derivative, initial, ends, options);
  const logDensity = Float64Array.from({ length: n }, (_, k) => {
    const prior = state
      .subarray(k * d, (k + 1) * d)
      .reduce((sum, y) => sum + normalLog(y * scales[1], last.sigma ** 2), 0);
    return prior + (state[x.size + k] as number) + d * Math.log(scales[1] / scales[0]);
  });
  const each = logDensity.map((value) => -value / (d * Math.LN2));
  const mean = each.reduce((sum, value) => sum + value, 0) / n;
  const spread = each.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    logDensity,
    bitsPerDimension: mean,
    standardError: n > 1 ? Math.sqrt(spread / (n - 1) / n) : Number.NaN,
    evaluations,
  };
};

/** Vectors v whose vᵀ J v sum to the trace. */
const probesOf = (trace: LikelihoodOptions["trace"], x: NDArray): NDArray[] => {
  if (trace.kind === "hutchinson") return randomSigns(trace, x.shape);
  const d = x.size / (x.shape[0] ?? 1);
  return Array.from({ length: d }, (_, axis) =>
    NDArray.of(
      Array.from({ length: x.size }, (_, i) => Number(i % d === axis)),
      x.shape,
    ),
  );
};

/** Probes of length √(d / count), so that their products sum to the average. */
const randomSigns = (
  { generator, probes = 1 }: Extract<LikelihoodOptions["trace"], { kind: "hutchinson" }>,
  shape: Shape,
): NDArray[] => {
  if (!Number.isInteger(probes) || probes < 1)
    throw new ArgumentError({ who: "probes", expected: "a whole number of 1 or more", got: String(probes) });
  const size = 1 / Math.sqrt(probes);
  return Array.from({ length: probes }, () => generator.uniform(shape).map((u) => (u < 0.5 ? -size : size)));
};

const traceOf = async (
  pullback: ((v: NDArray) => Promise<NDArray>) | undefined,
  probes: readonly NDArray[],
  n: number,
): Promise<Float64Array> => {
  if (!pullback)
    throw new ArgumentError({
      who: "likelihood",
      expected: "a denoiser with a pullback",
      got: "one without",
    });
  const traces = new Float64Array(n);
  for (const v of probes) {
    const product = await pullback(v);
    const d = v.size / n;
    for (let i = 0; i < v.size; i++) {
      const k = Math.floor(i / d);
      traces[k] = (traces[k] as number) + (v.data[i] as number) * (product.data[i] as number);
    }
  }
  return traces;
};

/** Grey values of 8 bits as points of [-1, 1), each anywhere in the 1/128 that is its own (Theis et al. 2016, section 3.1). */
export const dequantised = (pixels: NDArray, generator: Generator): NDArray => {
  const noise = generator.uniform(pixels.shape);
  return NDArray.of(
    Array.from(pixels.data, (value, i) => (value + (noise.data[i] as number)) / 128 - 1),
    pixels.shape,
  );
};

/** Bits a dimension of 8-bit values whose {@link dequantised} points have a density of so many. */
export const asPixelBits = (bitsPerDimension: number): number => bitsPerDimension + 7;
