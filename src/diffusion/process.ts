import { ArgumentError } from "../base/index.ts";
import { alphaBars, betasOf, type Schedule } from "./schedule.ts";

/** A noise level: x = alpha · x0 + sigma · eps. */
export interface Level {
  readonly alpha: number;
  readonly sigma: number;
  /** What the network is told; -1 for the clean level, which no network sees. */
  readonly t: number;
}

/** Where every path ends. */
export const CLEAN: Level = { alpha: 1, sigma: 0, t: -1 };

/** λ = ln(alpha / sigma), half the logarithm of the signal-to-noise ratio; infinite at both ends. */
export const lambdaOf = ({ alpha, sigma }: Level): number => Math.log(alpha / sigma);

/** sigma / alpha, what EDM and k-diffusion call σ. */
export const noiseToSignal = ({ alpha, sigma }: Level): number => sigma / alpha;

/** A Gaussian process that turns data into noise: what paths, samplers and objectives ask of it. */
export interface NoiseProcess {
  /** The times that a network is trained at: from the cleanest to the noisiest. */
  readonly span: readonly [clean: number, noisy: number];
  /** The level of a time in the span. @throws ArgumentError for any other */
  level(time: number): Level;
  /** The level with this λ, told the time that has it, the nearest in the span for one beyond. */
  levelAt(lambda: number): Level;
}

/** The variance-preserving process in discrete time (Ho et al. 2020): alpha = √ᾱ_t, sigma = √(1 − ᾱ_t). */
export interface DiffusionProcess extends NoiseProcess {
  readonly schedule: Schedule;
  /** [T] */
  readonly betas: Float64Array;
  /** [T] */
  readonly alphaBars: Float64Array;
  /** T, the number of trained timesteps. */
  readonly steps: number;
  /**
   * The level of timestep t = 0 … T − 1; of -1, the clean one. Between two timesteps sigma / alpha is
   * interpolated linearly, as k-diffusion does.
   * @throws ArgumentError for any other t
   */
  level(t: number): Level;
  /** The signal-to-noise ratio alpha² / sigma² (Kingma et al. 2021, section 3.1). */
  snr(t: number): number;
}

/** Whether a process is a chain of trained timesteps. */
export const isDiscrete = (process: NoiseProcess): process is DiffusionProcess => "steps" in process;

export interface ProcessOptions {
  /**
   * Round ᾱ to float32 as well, as torch does: near the data 1 − ᾱ is a small difference, and a network that was
   * trained by torch knows its levels with that rounding, 1e-4 of the noise at the first.
   */
  readonly float32?: boolean;
}

/** The process of a schedule. */
export const diffusionProcess = (
  schedule: Schedule,
  { float32 = false }: ProcessOptions = {},
): DiffusionProcess => {
  const betas = betasOf(schedule);
  const round = float32 ? Math.fround : undefined;
  const bars = alphaBars(betas, round);
  const last = bars.length - 1;
  const ratios = bars.map((bar) => Math.sqrt((1 - bar) / bar));
  const logs = ratios.map(Math.log);
  const level = (t: number): Level => {
    const alphaBar = bars[t];
    if (alphaBar !== undefined) return preserving(alphaBar, t);
    if (t === -1) return CLEAN;
    if (t > 0 && t < last) return ofRatio(interpolate(ratios, t), t);
    throw new ArgumentError({
      who: "timestep",
      expected: `from 0 to ${last}, or -1 for the clean level`,
      got: String(t),
    });
  };
  return {
    schedule,
    betas,
    alphaBars: bars,
    steps: bars.length,
    span: [0, last],
    level,
    levelAt: (lambda) => ofRatio(Math.exp(-lambda), placeOf(logs, -lambda)),
    snr: (t) => noiseToSignal(level(t)) ** -2,
  };
};

const preserving = (alphaBar: number, t: number): Level => ({
  alpha: Math.sqrt(alphaBar),
  sigma: Math.sqrt(1 - alphaBar),
  t,
});

/** The variance-preserving level with this sigma / alpha. */
const ofRatio = (ratio: number, t: number): Level =>
  ratio === Infinity
    ? { alpha: 0, sigma: 1, t }
    : { ...preserving(1 / (1 + ratio ** 2), t), sigma: ratio / Math.sqrt(1 + ratio ** 2) };

/** The value at a place between two indices. */
const interpolate = (values: Float64Array, place: number): number => {
  const low = Math.floor(place);
  const [a, b] = [values[low] as number, values[low + 1] as number];
  return a + (place - low) * (b - a);
};

/** The inverse of {@link interpolate} for rising values; an end for what lies beyond it. */
const placeOf = (values: Float64Array, value: number): number => {
  const above = values.findIndex((candidate) => candidate >= value);
  if (above === -1) return values.length - 1;
  if (above === 0) return 0;
  const [a, b] = [values[above - 1] as number, values[above] as number];
  return b === Infinity ? (value === b ? above : above - 1) : above - 1 + (value - a) / (b - a);
};
