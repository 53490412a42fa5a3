/** Euclidean norm of all gradients together; not finite as soon as one of them is not. */
export const globalNorm = (gradients: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < gradients.length; i++) sum += (gradients[i] as number) ** 2;
  return Math.sqrt(sum);
};

/** Scales gradients whose global norm is above `limit` down to it (Pascanu et al. 2013; PyTorch's clip_grad_norm_). */
export const clipByGlobalNorm = (gradients: Float32Array, norm: number, limit: number): void => {
  const factor = limit / (norm + 1e-6);
  if (factor >= 1) return;
  for (let i = 0; i < gradients.length; i++) gradients[i] = (gradients[i] as number) * factor;
};
