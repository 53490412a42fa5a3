import { z } from "zod";

/** What a beta schedule is made from; the names are diffusers'. */
export interface BetaOptions {
  readonly num_train_timesteps: number;
  readonly beta_start: number;
  readonly beta_end: number;
}

const linspace = (start: number, end: number, count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => start + ((end - start) * i) / Math.max(1, count - 1));

/** β_t in equal steps (Ho et al. 2020, section 4). */
const linear = ({ num_train_timesteps, beta_start, beta_end }: BetaOptions): Float64Array =>
  linspace(beta_start, beta_end, num_train_timesteps);

/** √β_t in equal steps (the latent diffusion models of Rombach et al. 2022). */
const scaledLinear = ({ num_train_timesteps, beta_start, beta_end }: BetaOptions): Float64Array =>
  linspace(Math.sqrt(beta_start), Math.sqrt(beta_end), num_train_timesteps).map((root) => root ** 2);

/** β_t along a logistic curve from β_start to β_end (Xu et al. 2022, GeoDiff). */
const sigmoid = ({ num_train_timesteps, beta_start, beta_end }: BetaOptions): Float64Array =>
  linspace(-6, 6, num_train_timesteps).map((x) => beta_start + (beta_end - beta_start) / (1 + Math.exp(-x)));

/** β_t = min(1 − ᾱ(t + 1) / ᾱ(t), 0.999) of a curve ᾱ over [0, 1], whose scale does not matter. */
const betasOfCurve =
  (alphaBar: (time: number) => number) =>
  ({ num_train_timesteps: T }: BetaOptions): Float64Array =>
    Float64Array.from({ length: T }, (_, t) => Math.min(1 - alphaBar((t + 1) / T) / alphaBar(t / T), 0.999));

/** ᾱ ∝ cos²((t + s) / (1 + s) · π/2) with s = 0.008 (Nichol and Dhariwal 2021, eq. 17). */
const squaredCosine = betasOfCurve((time) => Math.cos(((time + 0.008) / 1.008) * (Math.PI / 2)) ** 2);

/** ᾱ = e^(−12 t): the logarithm of the signal falls evenly. */
const exponential = betasOfCurve((time) => Math.exp(-12 * time));

/**
 * The betas of a few large steps along the variance-preserving SDE, at whose level t / T the t-th ends, [T] (Xiao et al.
 * 2022, appendix B, with β from 0.1 to 20): β_t = 1 − e^(−βmin / T − (βmax − βmin) (2t − 1) / (2 T²)) for t = 1 … T.
 */
export const vpBetas = (steps: number): number[] =>
  Array.from(
    { length: steps },
    (_, k) => -Math.expm1(-0.1 / steps - (19.9 * (2 * k + 1)) / (2 * steps ** 2)),
  );

/** The variance β_t that each step t = 0 … T − 1 adds, by diffusers' name of the schedule. */
export const betaSchedules = {
  linear,
  scaled_linear: scaledLinear,
  squaredcos_cap_v2: squaredCosine,
  sigmoid,
  exponential,
} as const satisfies Readonly<Record<string, (options: BetaOptions) => Float64Array>>;

export type BetaSchedule = keyof typeof betaSchedules;

const beta = z.number().gt(0).lt(1);

/**
 * A noise schedule under diffusers' keys. The curves (`squaredcos_cap_v2`, `exponential`) have no use for the
 * two betas; `given` is the list in `trained_betas`.
 */
export const scheduleSchema = z
  .strictObject({
    beta_schedule: z.enum([...(Object.keys(betaSchedules) as BetaSchedule[]), "given"]).default("linear"),
    num_train_timesteps: z.int().positive().default(1000),
    beta_start: beta.default(1e-4),
    beta_end: beta.default(0.02),
    trained_betas: z.array(z.number().gt(0).lte(1)).nonempty().optional(),
    /** Stretch √ᾱ so that the last level is noise alone (Lin et al. 2024, algorithm 1). */
    rescale_betas_zero_snr: z.boolean().default(false),
  })
  .refine(({ beta_start, beta_end }) => beta_start <= beta_end, {
    path: ["beta_end"],
    error: "expected at least beta_start",
  })
  .refine(
    ({ beta_schedule, trained_betas }) => (beta_schedule === "given") === (trained_betas !== undefined),
    {
      path: ["trained_betas"],
      error: 'expected a list of betas exactly when beta_schedule is "given"',
    },
  )
  .refine(
    ({ trained_betas, num_train_timesteps: T }) => trained_betas === undefined || trained_betas.length === T,
    { path: ["num_train_timesteps"], error: "expected the length of trained_betas" },
  );
export type Schedule = z.output<typeof scheduleSchema>;

/** β_t, [T], rounded to float32 as torch keeps them: the levels that a published network was trained at. */
export const betasOf = (schedule: Schedule): Float64Array => {
  const { beta_schedule, trained_betas = [], rescale_betas_zero_snr } = schedule;
  const betas =
    beta_schedule === "given" ? Float64Array.from(trained_betas) : betaSchedules[beta_schedule](schedule);
  return (rescale_betas_zero_snr ? zeroTerminalSnr(betas.map(Math.fround)) : betas).map(Math.fround);
};

/**
 * ᾱ_t = ∏_{s ≤ t} (1 − β_s), [T] (Ho et al. 2020, above eq. 4).
 * @param round what every factor and every product goes through: `Math.fround` for torch's float32
 */
export const alphaBars = (betas: Float64Array, round = (value: number) => value): Float64Array => {
  let product = 1;
  return betas.map((beta) => {
    product *= round(1 - beta);
    return round(product);
  });
};

/** The betas of the same schedule with √ᾱ stretched from its first value down to 0 (Lin et al. 2024, algorithm 1). */
const zeroTerminalSnr = (betas: Float64Array): Float64Array => {
  const roots = alphaBars(betas).map(Math.sqrt);
  const [first, last] = [roots[0] as number, roots.at(-1) as number];
  const bars = roots.map((root) => (((root - last) * first) / (first - last)) ** 2);
  return bars.map((bar, t) => 1 - bar / (bars[t - 1] ?? 1));
};
