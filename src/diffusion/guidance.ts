import type { Arithmetic } from "../base/index.ts";
import type { Denoiser } from "./denoiser.ts";

/**
 * u + s (c − u): the unconditional estimate moved along the direction of the condition. s = 0 leaves u,
 * s = 1 is c, more exaggerates the condition. The paper's weight w is s − 1 (Ho and Salimans 2022, eq. 6).
 */
export const guide = <A extends Arithmetic<A>>(unconditional: A, conditional: A, scale: number): A =>
  unconditional.add(conditional.sub(unconditional).mul(scale));

/**
 * Classifier-free guidance of two denoisers. At one x and level x0 is linear in eps and the weights
 * 1 − s and s sum to 1, so guiding x0 is guiding eps; clip after guidance, not before. With s = 1 only the
 * conditional denoiser is evaluated, with s = 0 only the unconditional one. A network that takes both
 * conditions in one doubled batch is cheaper: call {@link guide} on its halves.
 */
export const classifierFree = (conditional: Denoiser, unconditional: Denoiser, scale: number): Denoiser => {
  if (scale === 1) return conditional;
  if (scale === 0) return unconditional;
  return async (x, level) => {
    const u = await unconditional(x, level);
    const c = await conditional(x, level);
    const x0 = guide(u.x0, c.x0, scale);
    return u.eps && c.eps ? { x0, eps: guide(u.eps, c.eps, scale) } : { x0 };
  };
};
