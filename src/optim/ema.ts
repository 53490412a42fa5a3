/** Decay of the moving average after `step` optimizer steps: min(limit, (1 + step)/(10 + step)). */
export const emaDecay = (limit: number, step: number): number => Math.min(limit, (1 + step) / (10 + step));
