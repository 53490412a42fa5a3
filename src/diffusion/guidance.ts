import { ArgumentError, type Arithmetic, NDArray } from "../base/index.ts";
import { type Denoised, type Denoiser, epsOf } from "./denoiser.ts";
import { epsToX0 } from "./parameterisation.ts";
import { type Level, noiseToSignal } from "./process.ts";

/** How far a condition is exaggerated, and where. */
export interface Guidance {
  /** s: 0 leaves the condition out, 1 is the model as trained, more exaggerates. */
  readonly scale: number;
  /** φ: how much of the conditional estimate's contrast is given back to the guided one, 0 to 1. */
  readonly rescale?: number | undefined;
  /** Guide only while σ / α is in this range; elsewhere the conditional estimate stands. */
  readonly interval?: readonly [least: number, most: number] | undefined;
}

/**
 * u + s (c − u): the unconditional estimate moved along the direction of the condition. s = 0 leaves u,
 * s = 1 is c, more exaggerates the condition. The paper's weight w is s − 1 (Ho and Salimans 2022, eq. 6).
 */
export const guide = <A extends Arithmetic<A>>(unconditional: A, conditional: A, scale: number): A =>
  unconditional.add(conditional.sub(unconditional).mul(scale));

/**
 * What a guided network says itself, of its unconditional and conditional outputs, [n, ...]: {@link guide}, then as much
 * of the conditional output's contrast given back as asked for.
 */
export const guideOutputs = (
  unconditional: NDArray,
  conditional: NDArray,
  { scale, rescale = 0 }: Guidance,
): NDArray => {
  const moved = guide(unconditional, conditional, scale);
  return rescale === 0 ? moved : rescaled(moved, conditional, rescale);
};

/** Both estimates at once: a network takes them in one doubled batch. */
export type Pair = (
  x: NDArray,
  level: Level,
) => Promise<readonly [conditional: Denoised, unconditional: Denoised]>;

/** What guidance asks of a model with a condition. */
export interface Guidable {
  readonly conditional: Denoiser;
  readonly unconditional: Denoiser;
  readonly both: Pair;
}

/**
 * Classifier-free guidance (Ho and Salimans 2022). At one x and level x0 is linear in eps and the weights
 * 1 − s and s sum to 1, so guiding x0 is guiding eps; clip after guidance, not before. Where one estimate alone
 * counts (s = 0, s = 1, outside the interval of Kynkäänniemi et al. 2024) only that one is evaluated. A learned
 * variance is the conditional one's.
 * @throws ArgumentError for a negative scale, a rescale outside [0, 1] or an interval that is none
 */
export const guided = (model: Guidable, guidance: Guidance): Denoiser => {
  checkGuidance(guidance);
  const { scale, rescale = 0, interval = [0, Infinity] } = guidance;
  if (scale === 1) return model.conditional;
  if (scale === 0) return model.unconditional;
  return async (x, level) => {
    const noise = noiseToSignal(level);
    if (noise < interval[0] || noise > interval[1]) return model.conditional(x, level);
    const [c, u] = await model.both(x, level);
    const variance = c.variance && { variance: c.variance };
    // In noise alone both take x for eps, and there is nothing to give back.
    if (rescale === 0 || level.alpha === 0) {
      const eps = u.eps && c.eps && { eps: guide(u.eps, c.eps, scale) };
      return { x0: guide(u.x0, c.x0, scale), ...eps, ...variance };
    }
    const eps = guideOutputs(epsOf(u, x, level), epsOf(c, x, level), guidance);
    return { x0: epsToX0(x, eps, level), eps, ...variance };
  };
};

/** {@link guided} of two denoisers, one evaluation after the other. */
export const classifierFree = (
  conditional: Denoiser,
  unconditional: Denoiser,
  guidance: number | Guidance,
): Denoiser =>
  guided(
    {
      conditional,
      unconditional,
      both: async (x, level) => [await conditional(x, level), await unconditional(x, level)],
    },
    typeof guidance === "number" ? { scale: guidance } : guidance,
  );

/** The standard deviation of every sample. */
const deviations = (x: NDArray): number[] =>
  x.split().map(({ data }) => {
    const values = Float64Array.from(data);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  });

/** φ of the guided estimate brought to the conditional one's deviation, the rest as it is (Lin et al. 2024, eq. 15 and 16). */
const rescaled = (moved: NDArray, conditional: NDArray, phi: number): NDArray => {
  const [own, wanted] = [deviations(moved), deviations(conditional)];
  // What is flat has no contrast to scale.
  const factors = own.map((value, k) =>
    value === 0 ? 1 : phi * ((wanted[k] as number) / value) + (1 - phi),
  );
  return moved.mul(NDArray.of(factors, [factors.length, ...moved.shape.slice(1).map(() => 1)]));
};

const checkGuidance = ({ scale, rescale = 0, interval = [0, 1] }: Guidance): void => {
  const complain = (who: string, expected: string, got: unknown): never => {
    throw new ArgumentError({ who, expected, got: String(got) });
  };
  if (!(scale >= 0 && scale < Infinity)) complain("guidance", "a scale of 0 or more", scale);
  if (!(rescale >= 0 && rescale <= 1)) complain("guidance rescale", "a number from 0 to 1", rescale);
  if (!(interval[0] >= 0 && interval[1] > interval[0]))
    complain("guidance interval", "two numbers that rise from 0 or more", interval.join(", "));
};

/** ∇ ln p(y | x_t) of a classifier that knows noised images, [n, ...]. */
export type ClassifierGradient = (x: NDArray, level: Level) => Promise<NDArray>;

/**
 * Classifier guidance of any sampler (Dhariwal and Nichol 2021, algorithm 2): eps − σ s ∇ ln p(y | x_t), so that x0
 * gains (σ² / α) s ∇ ln p. In noise alone, α = 0, a classifier sees nothing and is not asked. For their algorithm 1,
 * with the gradient at the mean of the step, see `ancestral`.
 */
export const classifierGuided =
  (denoiser: Denoiser, gradient: ClassifierGradient, scale: number): Denoiser =>
  async (x, level) => {
    const denoised = await denoiser(x, level);
    const { alpha, sigma } = level;
    if (alpha === 0) return denoised;
    const g = await gradient(x, level);
    return {
      ...(denoised.variance && { variance: denoised.variance }),
      x0: NDArray.combine([1, denoised.x0], [(scale * sigma ** 2) / alpha, g]),
      eps: NDArray.combine([1, epsOf(denoised, x, level)], [-scale * sigma, g]),
    };
  };
