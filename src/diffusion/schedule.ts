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

/** β_t = min(1 − ᾱ_t / ᾱ_{t−1}, 0.999), ᾱ_t ∝ cos²((t/T + s) / (1 + s) · π/2) (Nichol and Dhariwal 2021, eq. 17). */
const squaredCosine = ({ num_train_timesteps: T }: BetaOptions): Float64Array => {
  const s = 0.008;
  const f = (t: number): number => Math.cos(((t / T + s) / (1 + s)) * (Math.PI / 2)) ** 2;
  return Float64Array.from({ length: T }, (_, t) => Math.min(1 - f(t + 1) / f(t), 0.999));
};

/** The variance β_t that each step t = 0 … T − 1 adds, by diffusers' name of the schedule. */
export const betaSchedules = {
  linear,
  scaled_linear: scaledLinear,
  squaredcos_cap_v2: squaredCosine,
} as const satisfies Readonly<Record<string, (options: BetaOptions) => Float64Array>>;

export type BetaSchedule = keyof typeof betaSchedules;

const beta = z.number().gt(0).lt(1);

/** A noise schedule under diffusers' keys; `squaredcos_cap_v2` has no use for the two betas. */
export const scheduleSchema = z
  .strictObject({
    beta_schedule: z.enum(Object.keys(betaSchedules) as BetaSchedule[]).default("linear"),
    num_train_timesteps: z.int().positive().default(1000),
    beta_start: beta.default(1e-4),
    beta_end: beta.default(0.02),
  })
  .refine(({ beta_start, beta_end }) => beta_start <= beta_end, {
    path: ["beta_end"],
    error: "expected at least beta_start",
  });
export type Schedule = z.output<typeof scheduleSchema>;

/** β_t, [T], rounded to float32 as torch keeps them: the levels that a published network was trained at. */
export const betasOf = (schedule: Schedule): Float64Array =>
  betaSchedules[schedule.beta_schedule](schedule).map(Math.fround);

/** ᾱ_t = ∏_{s ≤ t} (1 − β_s), [T] (Ho et al. 2020, above eq. 4). */
export const alphaBars = (betas: Float64Array): Float64Array => {
  let product = 1;
  return betas.map((beta) => {
    product *= 1 - beta;
    return product;
  });
};
