import {
  type Level,
  type NetworkOptions,
  predictions,
  predictionTarget,
  simpleLoss,
  squaredError,
  type Weighting,
} from "../diffusion/index.ts";
import type { Named, Tensor } from "../tensor/index.ts";

/** What a loss is made of: arrays [n, c, h, w], and coefficients of each image's level, [n, 1, 1, 1]. */
export interface LossParts {
  readonly x0: Tensor;
  readonly eps: Tensor;
  /** The noised images, α x0 + σ eps. */
  readonly x: Tensor;
  readonly alpha: Tensor;
  readonly sigma: Tensor;
  /** What the network said of x. */
  readonly output: Tensor;
}

/** What a network is trained to say. */
export interface Objective {
  /** Further numbers of a level that the loss needs. */
  readonly coefficients: Readonly<Record<string, (level: Level) => number>>;
  /** [n] */
  readonly loss: (parts: LossParts, coefficients: Named<Tensor>) => Tensor;
}

/** An objective, whose loss gets the coefficients that it names. */
export const defineObjective = <K extends string>(objective: {
  readonly coefficients: Readonly<Record<K, (level: Level) => number>>;
  readonly loss: (parts: LossParts, coefficients: Readonly<Record<K, Tensor>>) => Tensor;
}): Objective => objective as Objective;

/** L_simple of a network that predicts the noise (Ho et al. 2020, eq. 14). */
export const noiseObjective: Objective = {
  coefficients: {},
  loss: ({ eps, output }) => simpleLoss(eps, output),
};

/** The weighted squared error of what a network predicts; all levels alike without a weighting. */
export const predictionObjective = (
  { prediction = "epsilon", sigmaData }: NetworkOptions,
  weighting: Weighting = () => 1,
): Objective => {
  const mixture = (level: Level) => predictions[prediction](level, sigmaData);
  return defineObjective({
    coefficients: {
      ofX0: (level) => mixture(level).ofX0,
      ofEps: (level) => mixture(level).ofEps,
      weight: weighting,
    },
    loss: ({ x0, eps, output }, { ofX0, ofEps, weight }) =>
      squaredError(predictionTarget(x0, eps, { ofX0, ofEps }), output).mul(weight.reshape([-1])),
  });
};
