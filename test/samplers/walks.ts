import { NDArray } from "../../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  type Level,
  type NoiseProcess,
  noiseProcesses,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import {
  type OpenedSampler,
  openSampler,
  rk45,
  type Sampler,
  type SamplerKind,
  sample,
  samplerSchema,
} from "../../src/samplers/index.ts";

/** The linear schedule's thousand timesteps. */
export const chain = diffusionProcess(scheduleSchema.parse({}));

/** Clear of both ends of time, where a step of equal size in λ is nowhere small: there orders can be measured. */
export const inner: NoiseProcess = { ...noiseProcesses.vp(), span: [0.05, 1] };

/** A sampler opened without clipping, as exact denoisers need none. */
export const opened = (spec: object, process: NoiseProcess): OpenedSampler =>
  openSampler(samplerSchema.parse({ clip: null, ...spec }), process);

const families: readonly SamplerKind[] = ["dpm_multistep", "dpm_singlestep", "deis", "unipc"];

/** Steps of equal size in λ over `inner`, all of a sampler's full order. */
export const openedInside = (kind: SamplerKind, steps: number, spec: object = {}): OpenedSampler => {
  const whole = families.includes(kind) ? { lowerOrderFinal: false } : {};
  return opened(
    { kind, steps, spacing: "linspace", sigmas: "exponential", final: "least", ...whole, ...spec },
    inner,
  );
};

/** PNDM goes by timesteps, equal steps of which end here, clear of t = 0 where σ / α is not smooth in t. */
const NOISIEST = 960;
const CLEANEST = 160;

/** Equal steps in t, for rules that evaluate at timesteps alone. */
export const openedAmongTimesteps = (kind: SamplerKind, steps: number, spec: object = {}): OpenedSampler => {
  const way = NOISIEST - CLEANEST;
  const levels = Array.from({ length: steps + 1 }, (_, i) => chain.level(NOISIEST - (i * way) / steps));
  return { ...opened({ kind, ...spec }, chain), levels };
};

/** Noise for steps that must not ask for any. */
export const refuseNoise = (): NDArray => {
  throw new Error("this step draws no noise");
};

export interface Walk {
  readonly denoiser: Denoiser;
  readonly x: NDArray;
  readonly noise?: () => NDArray;
}

/** x at the end of the path. */
export const walk = async (
  { sampler, levels, churn, limit }: OpenedSampler,
  { denoiser, x, noise = refuseNoise }: Walk,
): Promise<NDArray> => {
  let end = x;
  const run = sample({ denoiser: limit(denoiser), sampler, levels, churn, x, noise });
  for await (const frame of run) end = frame.x;
  return end;
};

/** The factors of x and of the noise in a step with all data at 0, for which that is all there is to it. */
export const stepFactors = async (
  sampler: Sampler,
  from: Level,
  to: Level,
): Promise<readonly [ofX: number, ofNoise: number]> => {
  const denoise: Denoiser = async (x) => ({ x0: x.mul(0) });
  const number = (value: number) => NDArray.of([value], [1]);
  const end = async (x: number, noise: number): Promise<number> => {
    const args = { x: number(x), from, to, denoise, noise: () => number(noise), memory: undefined };
    return (await sampler.step(args)).x.item();
  };
  return [await end(1, 0), await end(0, 1)];
};

export interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

const filled = (rows: number, value: (row: number) => number): NDArray =>
  NDArray.of(
    Array.from({ length: rows }, (_, row) => value(row)),
    [rows, 1],
  );

/**
 * The moments at the end of a run from x of the given moments, without drawing. A denoiser of Gaussian data is affine,
 * so that a run is end = a x + b + Σ c_k z_k. One batch has all of it: x at its mean, x a deviation above, and a row
 * for each draw with z_k = 1.
 */
export const momentsAfter = async (
  open: OpenedSampler,
  denoiser: Denoiser,
  start: Moments,
): Promise<Moments> => {
  let draws = 0;
  const counting = () => {
    draws += 1;
    return NDArray.zeros([1, 1]);
  };
  await walk(open, { denoiser, x: NDArray.full([1, 1], start.mean), noise: counting });
  const rows = 2 + draws;
  let drawn = 2;
  const impulse = () => {
    const now = drawn++;
    return filled(rows, (row) => Number(row === now));
  };
  const x = filled(rows, (row) => start.mean + (row === 1 ? start.deviation : 0));
  const { data } = await walk(open, { denoiser, x, noise: impulse });
  const [mean = 0, ...others] = data;
  return { mean, deviation: Math.hypot(...others.map((value) => value - mean)) };
};

/** Moments of a level at which data have the given ones. */
export const momentsAt = ({ alpha, sigma }: Level, data: Moments): Moments => ({
  mean: alpha * data.mean,
  deviation: Math.hypot(alpha * data.deviation, sigma),
});

/** The solution of the probability-flow ODE along a path that ends where noise is left, as exact as float32 states allow. */
export const solved = (
  process: NoiseProcess,
  { levels, limit }: OpenedSampler,
  run: Walk,
): Promise<NDArray> => {
  const sampler = { ...rk45(process, { rtol: 1e-9, atol: 1e-9 }), climbs: true };
  return walk({ sampler, levels: [levels[0] as Level, levels.at(-1) as Level], limit }, run);
};

const DIRECTIONS = 16;

/** The mean over directions in the plane of the distance between sorted projections (Rabin et al. 2012). */
export const slicedDistance = (a: NDArray, b: NDArray): number => {
  const angles = Array.from({ length: DIRECTIONS }, (_, k) => (Math.PI * k) / DIRECTIONS);
  const each = angles.map((angle) => {
    const [p, q] = [projected(a, angle), projected(b, angle)];
    return p.reduce((sum, value, i) => sum + Math.abs(value - (q[i] as number)), 0) / p.length;
  });
  return each.reduce((sum, value) => sum + value, 0) / each.length;
};

const projected = ({ data, shape: [n = 0] }: NDArray, angle: number): Float64Array =>
  Float64Array.from(
    { length: n },
    (_, k) => (data[2 * k] as number) * Math.cos(angle) + (data[2 * k + 1] as number) * Math.sin(angle),
  ).sort();
