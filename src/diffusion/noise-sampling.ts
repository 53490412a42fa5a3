import type { Generator } from "../base/index.ts";

/** n values of σ with ln σ normal: EDM's levels of training (Karras et al. 2022, table 1). */
export const logNormalSigmas = (
  n: number,
  generator: Generator,
  { mean = -1.2, deviation = 1.2 } = {},
): Float64Array => Float64Array.from(generator.normal([n]).data, (z) => Math.exp(mean + deviation * z));

/** n times in (0, 1) whose logit is normal: a flow's levels, the middle more often than the ends (Esser et al. 2024, eq. 19). */
export const logitNormalTimes = (
  n: number,
  generator: Generator,
  { mean = 0, deviation = 1 } = {},
): Float64Array =>
  Float64Array.from(generator.normal([n]).data, (z) => 1 / (1 + Math.exp(-(mean + deviation * z))));
