import { ArgumentError } from "../base/index.ts";
import type { DiffusionProcess, Level } from "./process.ts";

/** A shorter chain over some of a trained process' levels. */
export interface RespacedProcess {
  /** The trained timesteps that are kept, rising. */
  readonly timesteps: readonly number[];
  /** β' of each step, 1 − ᾱ_t / ᾱ of the timestep kept before. */
  readonly betas: Float64Array;
  /** ᾱ at the kept timesteps. */
  readonly alphaBars: Float64Array;
  /** Level k of the short chain, told its trained timestep; -1 is the clean one. */
  level(k: number): Level;
}

/**
 * The process that visits only some timesteps of a trained one, with the same levels there (Nichol and Dhariwal 2021,
 * section 4): a chain of its own, with betas, a bound and posteriors, for the network as it is.
 * @throws ArgumentError unless the timesteps rise within the trained ones
 */
export const respaced = (process: DiffusionProcess, timesteps: readonly number[]): RespacedProcess => {
  const broken = timesteps.findIndex((t, k) => !(t > (timesteps[k - 1] ?? -1) && t < process.steps));
  if (timesteps.length === 0 || broken !== -1)
    throw new ArgumentError({
      who: "timesteps",
      expected: `numbers that rise from 0 to ${process.steps - 1}`,
      got: timesteps.length === 0 ? "none" : String(timesteps[broken]),
    });
  const alphaBars = Float64Array.from(timesteps, (t) => process.level(t).alpha ** 2);
  return {
    timesteps,
    alphaBars,
    betas: alphaBars.map((bar, k) => 1 - bar / (alphaBars[k - 1] ?? 1)),
    level: (k) => process.level(k === -1 ? -1 : (timesteps[k] ?? Number.NaN)),
  };
};
