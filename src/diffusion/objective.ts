import { ArgumentError, type Arithmetic } from "../base/index.ts";
import { posteriorFactors, stepVariance } from "./posterior.ts";
import type { Level } from "./process.ts";

/** The axes of one sample: all but the first. */
const perSample = (shape: readonly number[]): number[] => shape.map((_, axis) => axis).slice(1);

/** Mean squared error, one a sample, [n]: over all axes but the first. */
export const squaredError = <A extends Arithmetic<A>>(target: A, predicted: A): A => {
  const error = predicted.sub(target);
  return error.mul(error).mean(perSample(error.shape));
};

/**
 * L_simple (Ho et al. 2020, eq. 14), [n]: the squared error of the predicted noise. For another prediction give
 * its {@link predictionTarget}.
 */
export const simpleLoss = <A extends Arithmetic<A>>(eps: A, predicted: A): A => squaredError(eps, predicted);

/**
 * What a network is to say, ofX0 · x0 + ofEps · eps, by the row of `predictions` at the level; the coefficients are
 * numbers, or arrays that broadcast over the samples, [n, 1, 1, 1].
 */
export const predictionTarget = <A extends Arithmetic<A>>(
  x0: A,
  eps: A,
  { ofX0, ofEps }: { readonly ofX0: A | number; readonly ofEps: A | number },
): A => x0.mul(ofX0).add(eps.mul(ofEps));

/** Coefficients of one term of the bound, as numbers or arrays that broadcast, [n, 1, 1, 1]. */
export interface VlbCoefficients<A> {
  /** What x0 weighs in the mean of q(x_s | x_t, x_0). */
  readonly towardsX0: A | number;
  /** ln β̃_t and ln β_t: the variance of q(x_s | x_t, x_0), and the largest that the network may choose. */
  readonly least: A | number;
  readonly most: A | number;
}

/**
 * The coefficients of {@link vlbLoss} between two levels.
 * @throws ArgumentError for a step that ends at data: L_0 is no distance of two normal distributions
 */
export const vlbCoefficients = (from: Level, to: Level): VlbCoefficients<never> => {
  if (to.sigma === 0)
    throw new ArgumentError({
      who: "L_vlb",
      expected: "a step that ends at a level with noise",
      got: `one from t = ${from.t} to data`,
      hint: "draw t from 1 on",
    });
  const { towardsX0, variance } = posteriorFactors(from, to);
  return { towardsX0, least: Math.log(variance), most: Math.log(stepVariance(from, to)) };
};

/**
 * L_{t−1} = KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t)) in bits per dimension, [n] (Nichol and Dhariwal 2021, eq. 4 and 15).
 * @param said what the network says of the variance, in [-1, 1], from `least` to `most`
 */
export const vlbLoss = <A extends Arithmetic<A>>(
  { x0, estimate, said }: { readonly x0: A; readonly estimate: A; readonly said: A },
  { towardsX0, least, most }: VlbCoefficients<A>,
): A => {
  const f = said.add(1).mul(0.5);
  const log = f.mul(most).add(f.sub(1).neg().mul(least));
  const apart = x0.sub(estimate).mul(towardsX0);
  // ½ (ln σp² − ln σq² − 1 + (σq² + (μq − μp)²) / σp²)
  const ratio = log.sub(least).neg().exp();
  const kl = log.sub(least).sub(1).add(ratio).add(apart.mul(apart).mul(log.neg().exp()));
  return kl.mean(perSample(kl.shape)).mul(0.5 / Math.LN2);
};

/**
 * L_hybrid = L_simple + λ L_vlb (Nichol and Dhariwal 2021, eq. 16). L_vlb is to teach the variance alone: give
 * {@link vlbLoss} `estimate.detach()`.
 */
export const hybridLoss = <A extends Arithmetic<A>>(simple: A, vlb: A, lambda = 0.001): A =>
  simple.add(vlb.mul(lambda));

/**
 * Denoising score matching (Vincent 2011; Song and Ermon 2019, eq. 5 and 6), [n]: ½ σ² ‖s(x) + ε / σ‖², which at
 * every σ is of the order of 1.
 */
export const scoreMatchingLoss = <A extends Arithmetic<A>>(eps: A, score: A, sigma: A | number): A => {
  const error = score.mul(sigma).add(eps);
  return error.mul(error).mean(perSample(error.shape)).mul(0.5);
};

/**
 * Sliced score matching with the variance reduced (Song et al. 2019, eq. 8), [n]: ½ ‖s‖² + vᵀ ∂s/∂x v, averaged over
 * coordinates. It needs no noise, and the gradient of the score.
 * @param directional (∂s/∂x)ᵀ v, from `vjp(s, [x], v)`
 */
export const slicedScoreMatchingLoss = <A extends Arithmetic<A>>(score: A, v: A, directional: A): A => {
  const terms = score.mul(score).mul(0.5).add(directional.mul(v));
  return terms.mean(perSample(terms.shape));
};

/**
 * EDM's loss (Karras et al. 2022, eq. 2 and table 1), [n]: λ(σ) ‖D(x; σ) − x0‖² with
 * λ = (σ² + σ_data²) / (σ σ_data)², which is 1 for the network's own output F.
 */
export const edmLoss = <A extends Arithmetic<A>>(
  x0: A,
  denoised: A,
  sigma: A | number,
  sigmaData = 0.5,
): A => {
  const error = denoised.sub(x0).div(sigma);
  // λ = 1 / σ_data² + 1 / σ²
  const plain = denoised.sub(x0).mul(1 / sigmaData);
  return error.mul(error).add(plain.mul(plain)).mean(perSample(error.shape));
};

/** Flow matching (Lipman et al. 2023, eq. 23; Liu et al. 2023, eq. 1), [n]: ‖v(x_t, t) − (ε − x0)‖². */
export const flowMatchingLoss = <A extends Arithmetic<A>>(x0: A, eps: A, velocity: A): A =>
  squaredError(eps.sub(x0), velocity);
