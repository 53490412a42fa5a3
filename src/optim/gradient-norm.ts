import type { FlatMemory } from "./flat-memory.ts";

/** Sum of x² over a range of the memory; not finite as soon as one element is not. */
export const sumOfSquares = (memory: FlatMemory, x: Float32Array): Promise<number> =>
  memory.run("sumOfSquares", [x]);

/**
 * What to multiply gradients of this global norm with so that it stays within `limit`
 * (Pascanu et al. 2013; PyTorch's clip_grad_norm_).
 */
export const clipFactor = (norm: number, limit: number): number => Math.min(1, limit / (norm + 1e-6));
