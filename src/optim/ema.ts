/** Decay of the moving average after `step` optimizer steps: min(limit, (1 + step)/(10 + step)). */
export const emaDecay = (limit: number, step: number): number => Math.min(limit, (1 + step) / (10 + step));

/** average ← decay · average + (1 − decay) · parameters, in place. */
export const updateEma = (average: Float32Array, parameters: Float32Array, decay: number): void => {
  for (let i = 0; i < average.length; i++) {
    const a = average[i] as number;
    average[i] = a + (1 - decay) * ((parameters[i] as number) - a);
  }
};
