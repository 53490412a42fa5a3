import { NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import {
  epsRecovery,
  type Prediction,
  predictions,
  type Recovery,
  x0Recovery,
  x0ToEps,
} from "./parameterisation.ts";
import type { Level } from "./process.ts";

/** What a denoiser says of x at a level; arrays have x's shape. */
export interface Denoised {
  /** The estimate of the clean sample. */
  readonly x0: NDArray;
  /**
   * The noise as the network itself estimated it. It differs from (x − α x0) / σ once x0 has been changed
   * after the fact, e.g. by {@link clipped}; absent, it follows from x0.
   */
  readonly eps?: NDArray;
  /** What a network that learns the reverse variance says of it; samplers of fixed variance leave it aside. */
  readonly variance?: NDArray;
  /** The vector–Jacobian product of x0: v ↦ vᵀ ∂x0/∂x, for likelihoods and guidance through the network. */
  readonly pullback?: (v: NDArray) => Promise<NDArray>;
}

/** The contract between networks and samplers: the clean sample behind x, [n, ...], at a noise level. */
export type Denoiser = (x: NDArray, level: Level) => Promise<Denoised>;

/** The noise of an estimate: as the network said, or as x and x0 imply. */
export const epsOf = ({ x0, eps }: Denoised, x: NDArray, level: Level): NDArray =>
  eps ?? x0ToEps(x, x0, level);

/** A network as a function of x and of what it is told of the level. */
export type Network = (x: NDArray, t: number) => Promise<NDArray>;

/** vᵀ ∂output/∂x of a network, where v has x's shape; of what it says of the variance nothing. */
export type NetworkPullback = (x: NDArray, t: number, v: NDArray) => Promise<NDArray>;

export interface NetworkOptions {
  readonly prediction?: Prediction;
  /** The standard deviation of data that a network of EDM's assumes, 0.5 when absent. */
  readonly sigmaData?: number | undefined;
  /** What x is multiplied with on its way into the network: EDM's c_in, diffusers' `scale_model_input`. */
  readonly inputScale?: (level: Level) => number;
  /** What the network is told of a level: its t when absent. */
  readonly told?: (level: Level) => number;
  /** Whether the second half of the output's channels speaks of the reverse variance. */
  readonly learnsVariance?: boolean;
  /** Gives the denoiser a pullback. */
  readonly pullback?: NetworkPullback | undefined;
}

/**
 * A network as a denoiser.
 * @throws ShapeError when the output has not x's shape, or twice its channels where it learns the variance
 */
export const networkDenoiser =
  (
    network: Network,
    {
      prediction = "epsilon",
      sigmaData,
      inputScale = () => 1,
      told = ({ t }) => t,
      learnsVariance = false,
      pullback,
    }: NetworkOptions = {},
  ): Denoiser =>
  async (x, level) => {
    const scale = inputScale(level);
    const seen = scale === 1 ? x : x.mul(scale);
    const output = await network(seen, told(level));
    checkShape(output, x, learnsVariance);
    const [said, variance] = learnsVariance ? halves(output) : [output];
    const mixture = predictions[prediction](level, sigmaData);
    const recover = ({ ofX, ofOutput }: Recovery) => NDArray.combine([ofX, x], [ofOutput, said]);
    const ofX0 = x0Recovery(mixture, level);
    return {
      x0: recover(ofX0),
      eps: recover(epsRecovery(mixture, level)),
      ...(variance && { variance }),
      ...(pullback && {
        pullback: async (v: NDArray) =>
          NDArray.combine([ofX0.ofX, v], [scale * ofX0.ofOutput, await pullback(seen, told(level), v)]),
      }),
    };
  };

/** [n, 2c, ...] as two arrays [n, c, ...]. */
const halves = (output: NDArray): [NDArray, NDArray] => {
  const [n = 1, channels = 2, ...rest] = output.shape;
  const pairs = output.reshape([n, 2, channels / 2, ...rest]);
  const [first, second] = pairs.transpose([1, 0, ...pairs.shape.map((_, axis) => axis).slice(2)]).split();
  return [first as NDArray, second as NDArray];
};

const checkShape = (output: NDArray, x: NDArray, learnsVariance: boolean): void => {
  const [n = 1, channels = 1, ...rest] = x.shape;
  const expected = learnsVariance ? [n, 2 * channels, ...rest] : x.shape;
  if (sameShape(output.shape, expected)) return;
  throw new ShapeError({
    who: "network",
    expected: `${showShape(expected)}${learnsVariance ? ", as it learns the variance" : ""}`,
    got: showShape(output.shape),
  });
};

/** How x0 is kept where pixels are. */
export interface Clipping {
  /** x0 stays in [-range, range]. */
  readonly range?: number;
  /**
   * Leave eps as the network said, as diffusers does unless `use_clipped_model_output` is set. Otherwise it
   * is left out, and samplers derive the one that x and the clipped x0 imply.
   */
  readonly keepEps?: boolean;
}

/**
 * A denoiser whose x0 stays in [-range, range]: near pure noise x0 = (x − σ eps) / α magnifies every error
 * of the network by 1 / α, 2e4 where the cosine schedule ends. With eps kept, a deterministic sampler adds
 * that error to the picture; with eps derived anew x stays α x0 + σ eps (Dhariwal and Nichol 2021's code).
 */
export const clipped = (denoiser: Denoiser, { range = 1, keepEps = false }: Clipping = {}): Denoiser =>
  withX0(denoiser, (x0) => x0.clamp(-range, range), keepEps);

/** A denoiser whose x0 is changed after the fact; what the network said of its own x0 no longer holds. */
export const withX0 =
  (denoiser: Denoiser, change: (x0: NDArray) => NDArray, keepEps = false): Denoiser =>
  async (x, level) => {
    const { x0, eps, variance } = await denoiser(x, level);
    const keep = keepEps || level.sigma === 0; // where x is x0, no noise follows from it
    return { x0: change(x0), ...(keep && eps && { eps }), ...(variance && { variance }) };
  };
