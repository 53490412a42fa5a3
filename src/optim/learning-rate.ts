import { z } from "zod";

/** The learning rate over a run, a function of optimizer steps alone. */
export const learningRateSchema = z.strictObject({
  peak: z.number().positive(),
  /** Steps of linear growth from 0 to the peak. */
  warmup: z.int().nonnegative().default(0),
  decay: z.enum(["constant", "linear", "cosine"]).default("constant"),
});
export type LearningRateSpec = z.output<typeof learningRateSchema>;

/** What is left of the peak at a fraction of the way from the end of warm-up to the end of the run. */
const decays: Readonly<Record<LearningRateSpec["decay"], (fraction: number) => number>> = {
  constant: () => 1,
  linear: (fraction) => 1 - fraction,
  cosine: (fraction) => (1 + Math.cos(Math.PI * fraction)) / 2,
};

/** The learning rate of optimizer step `step` (from 0) of `total`: the peak when warm-up ends, 0 at the end of a decay. */
export const learningRateAt = (
  { peak, warmup, decay }: LearningRateSpec,
  step: number,
  total: number,
): number => {
  if (step < warmup) return (peak * step) / warmup;
  return peak * decays[decay](Math.min(1, (step - warmup) / Math.max(1, total - warmup)));
};
