import { type DpmOptions, dpmMultistep, type MultistepMemory } from "./dpm-multistep.ts";
import type { Sampler } from "./sampler.ts";

/**
 * DEIS in log ρ (Zhang and Chen 2023, section 3.2, tAB-DEIS): eps as a polynomial in λ through its last values,
 * integrated exactly, which is DPM-Solver's multistep rule with the polynomial's own derivatives.
 */
export const deis = (
  options: Pick<DpmOptions, "order" | "lowerOrderFinal"> = {},
): Sampler<MultistepMemory> => ({
  ...dpmMultistep({ ...options, algorithm: "dpmsolver", solver: "exact" }),
  name: "deis",
});
