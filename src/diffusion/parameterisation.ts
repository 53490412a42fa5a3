import { ArgumentError, type Arithmetic, NDArray } from "../base/index.ts";
import type { Coefficients } from "./forward.ts";
import type { Level } from "./process.ts";

/** x0 = (x − σ eps) / α (Ho et al. 2020, eq. 15). */
export const epsToX0 = <A extends Arithmetic<A>>(x: A, eps: A, { alpha, sigma }: Coefficients<A>): A =>
  x.sub(eps.mul(sigma)).div(alpha);

/** eps = (x − α x0) / σ, the inverse of {@link epsToX0}; sigma must not be 0. */
export const x0ToEps = <A extends Arithmetic<A>>(x: A, x0: A, { alpha, sigma }: Coefficients<A>): A =>
  x.sub(x0.mul(alpha)).div(sigma);

/** What a network predicts, as a mixture: output = ofX0 · x0 + ofEps · eps. */
export interface Mixture {
  readonly ofX0: number;
  readonly ofEps: number;
}

/** alpha and sigma of one level. */
type AtLevel = Pick<Level, "alpha" | "sigma">;

/**
 * EDM's F: the network's share of D = cSkip y + cOut F, y = x / α, in units of variance 1 at every level when
 * data have the standard deviation sigmaData (Karras et al. 2022, eq. 7 and table 1).
 */
export const edmPrediction =
  (sigmaData: number) =>
  ({ alpha, sigma }: AtLevel): Mixture => {
    const deviation = Math.hypot(sigma, alpha * sigmaData);
    return { ofX0: sigma / (sigmaData * deviation), ofEps: (-alpha * sigmaData) / deviation };
  };

/** What EDM's paper assumes of images. */
const SIGMA_DATA = 0.5;

/** EDM's c_in: what brings x to variance 1 at every level (Karras et al. 2022, table 1). */
export const edmInputScale =
  (sigmaData: number) =>
  ({ alpha, sigma }: AtLevel): number =>
    1 / Math.hypot(sigma, alpha * sigmaData);

/**
 * What networks predict, by diffusers' names where it has them. With x = alpha x0 + sigma eps each row gives
 * x0 and eps by solving two linear equations, so that every conversion follows from these lines.
 */
export const predictions = {
  /** The noise (Ho et al. 2020, section 3.2). */
  epsilon: () => ({ ofX0: 0, ofEps: 1 }),
  /** The clean sample. */
  sample: () => ({ ofX0: 1, ofEps: 0 }),
  /** The velocity v = α ε − σ x0 (Salimans and Ho 2022, section 4). */
  v_prediction: ({ alpha, sigma }) => ({ ofX0: -sigma, ofEps: alpha }),
  /** The gradient of log q(x_t | x_0) with respect to x_t (Song et al. 2021, section 3.3). */
  score: ({ sigma }) => ({ ofX0: 0, ofEps: -1 / sigma }),
  /** The velocity of a rectified flow, ε − x0 (Liu et al. 2023, eq. 1, with time running to noise). */
  flow_prediction: () => ({ ofX0: -1, ofEps: 1 }),
  /** {@link edmPrediction}, of images with the standard deviation of 0.5 that its paper assumes. */
  edm: (level, sigmaData = SIGMA_DATA) => edmPrediction(sigmaData)(level),
  /** −F, the v of a sample and data that are both brought to variance 1. */
  edm_v(level, sigmaData = SIGMA_DATA) {
    const { ofX0, ofEps } = edmPrediction(sigmaData)(level);
    return { ofX0: -ofX0, ofEps: -ofEps };
  },
} as const satisfies Readonly<Record<string, (level: AtLevel, sigmaData?: number) => Mixture>>;

export type Prediction = keyof typeof predictions;
export const predictionNames = Object.keys(predictions) as Prediction[];

/** How x and the network's output make up another quantity: ofX · x + ofOutput · output. */
export interface Recovery {
  readonly ofX: number;
  readonly ofOutput: number;
}

/** x0 from x and the output. @throws ArgumentError where the output says nothing of x0: eps of noise alone */
export const x0Recovery = ({ ofX0, ofEps }: Mixture, { alpha, sigma }: AtLevel): Recovery => {
  const determinant = alpha * ofEps - sigma * ofX0;
  if (determinant === 0)
    throw new ArgumentError({
      who: "prediction",
      expected: "a quantity that tells x0 at every level",
      got: `one of noise alone where alpha = ${alpha}`,
      hint: "with zero terminal SNR the network must predict v_prediction or sample",
    });
  return { ofX: ofEps / determinant, ofOutput: -sigma / determinant };
};

/** eps from x and the output. */
export const epsRecovery = ({ ofX0, ofEps }: Mixture, { alpha, sigma }: AtLevel): Recovery => {
  const determinant = alpha * ofEps - sigma * ofX0;
  return { ofX: -ofX0 / determinant, ofOutput: alpha / determinant };
};

/** From one prediction to another. */
interface Conversion {
  readonly from: Prediction;
  readonly to: Prediction;
}

/** What a network that predicts `to` would have said, as a mixture of x and what one that predicts `from` did say. */
export const conversion = (level: AtLevel, { from, to }: Conversion): Recovery => {
  const [source, target] = [predictions[from](level), predictions[to](level)];
  const [x0, eps] = [x0Recovery(source, level), epsRecovery(source, level)];
  return {
    ofX: target.ofX0 * x0.ofX + target.ofEps * eps.ofX,
    ofOutput: target.ofX0 * x0.ofOutput + target.ofEps * eps.ofOutput,
  };
};

/** {@link conversion} of a network's output at a level. */
export const convertPrediction = (
  output: NDArray,
  { x, level, ...both }: Conversion & { readonly x: NDArray; readonly level: AtLevel },
): NDArray => {
  const { ofX, ofOutput } = conversion(level, both);
  return NDArray.combine([ofX, x], [ofOutput, output]);
};
