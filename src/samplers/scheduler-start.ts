import type { Level } from "../diffusion/index.ts";
import type { SchedulerKeys } from "./scheduler-keys.ts";

/** Classes whose `init_noise_sigma` is σ / α itself, unless their timesteps are `leading`. */
const byRatio =
  /^(Euler|EulerAncestral|Heun|LMS|KDPM2|KDPM2Ancestral)DiscreteScheduler$|^DPMSolverSDEScheduler$/;

/**
 * The deviation of x where the class of a `scheduler_config.json` begins: `init_noise_sigma`, by a formula of its own
 * (diffusers 0.42), in the scale of x = α x0 + σ ε. That of x itself is hypot(α, σ) for data of variance 1.
 */
export const initialDeviation = (
  { _class_name: name, timestep_spacing }: SchedulerKeys,
  { alpha, sigma }: Level,
): number => {
  const ratio = byRatio.test(String(name)) && timestep_spacing !== "leading";
  return ratio || name === "ScoreSdeVeScheduler" ? sigma : Math.hypot(alpha, sigma);
};
