import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { alphaBars, betaSchedules, betasOf, scheduleSchema } from "../../src/diffusion/index.ts";

const { schedules } = JSON.parse(
  readFileSync(new URL("../fixtures/schedulers.json", import.meta.url), "utf8"),
) as { schedules: Record<string, Record<string, number>> };

const drawn = JSON.parse(
  readFileSync(new URL("../fixtures/scheduler-cases.json", import.meta.url), "utf8"),
) as { alphaBars: readonly AlphaBars[] };

/** A schedule, and its ᾱ at places by diffusers' equations. */
interface AlphaBars {
  readonly beta_schedule: string;
  readonly num_train_timesteps: number;
  readonly rescale_betas_zero_snr: boolean;
  readonly places: readonly number[];
  readonly float64: readonly number[];
}

/** The reference multiplies a thousand float32 numbers, each rounded by up to 6e-8. */
const FLOAT32 = 1e-6;
/** And takes betas from 1 − ᾱ, which in float32 is as exact as 1 is. */
const OF_ONE = 2 ** -24;

test.each([
  ["linear", {}],
  ["scaled_linear_sd", { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 }],
  ["cosine", { beta_schedule: "squaredcos_cap_v2" }],
  ["sigmoid", { beta_schedule: "sigmoid" }],
  [
    "zsnr_sd",
    { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, rescale_betas_zero_snr: true },
  ],
])("betas and their products are diffusers': %s", (name, options) => {
  const betas = betasOf(scheduleSchema.parse(options));
  const bars = alphaBars(betas);
  for (const t of [0, 499, 999])
    for (const [got, want] of [
      [betas[t], schedules[name]?.[`beta${t}`]],
      [bars[t], schedules[name]?.[`acp${t}`]],
    ] as [number, number][])
      expect(Math.abs(got - want), `${got} is not ${want} at t = ${t}`).toBeLessThan(FLOAT32 * want + OF_ONE);
});

test.each(drawn.alphaBars)(
  "products are diffusers': $beta_schedule, T $num_train_timesteps, zero terminal SNR $rescale_betas_zero_snr",
  ({ places, float64, beta_schedule, num_train_timesteps, rescale_betas_zero_snr }) => {
    const options = { beta_schedule, num_train_timesteps, rescale_betas_zero_snr };
    const bars = alphaBars(betasOf(scheduleSchema.parse(options)));
    for (const [i, want] of float64.entries())
      expect(Math.abs((bars[places[i] as number] as number) - want)).toBeLessThan(FLOAT32 * want + 1e-12);
  },
);

test("every schedule gives betas between 0 and 1 and levels that fall, however many timesteps", () => {
  for (const beta_schedule of Object.keys(betaSchedules))
    for (const num_train_timesteps of [1, 2, 10, 1000, 4000]) {
      const betas = betasOf(scheduleSchema.parse({ beta_schedule, num_train_timesteps }));
      expect(betas.length).toBe(num_train_timesteps);
      expect(betas.every((beta) => beta > 0 && beta <= Math.fround(0.999))).toBe(true);
      expect(alphaBars(betas).every((bar, t, bars) => bar > 0 && bar < (bars[t - 1] ?? 1))).toBe(true);
    }
});

test("an empty schedule is the one of Ho et al. 2020", () => {
  expect(scheduleSchema.parse({})).toEqual({
    beta_schedule: "linear",
    num_train_timesteps: 1000,
    beta_start: 1e-4,
    beta_end: 0.02,
    rescale_betas_zero_snr: false,
  });
});

test.each([
  { beta_schedule: "cosine" },
  { num_train_timesteps: 0 },
  { num_train_timesteps: 10.5 },
  { beta_start: 0 },
  { beta_end: 1 },
  { beta_start: 0.02, beta_end: 1e-4 },
  { prediction_type: "epsilon" },
  { beta_schedule: "given" },
  { trained_betas: [0.1, 0.2] },
  { beta_schedule: "given", trained_betas: [0.1, 0.2] },
  { beta_schedule: "given", trained_betas: [0.1, 0], num_train_timesteps: 2 },
])("what is no schedule is refused: %o", (options) => {
  expect(scheduleSchema.safeParse(options).success).toBe(false);
});

test("a given list is taken as it is", () => {
  const given = { beta_schedule: "given", trained_betas: [0.125, 0.25], num_train_timesteps: 2 };
  expect(betasOf(scheduleSchema.parse(given))).toEqual(Float64Array.of(0.125, 0.25));
});
