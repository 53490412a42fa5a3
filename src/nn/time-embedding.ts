import { type Generator, NDArray } from "../base/index.ts";
import { concat, constant, cos, pad, silu, sin, type Tensor } from "../tensor/index.ts";
import { linear, projection } from "./layers.ts";
import { Buffer } from "./module.ts";

export interface SinusoidOptions {
  /** Cosines before sines. */
  readonly flip: boolean;
  /** Taken from the number of frequencies in the spacing; 1 makes the last one exactly 1/10000. */
  readonly shift: number;
}

/**
 * Sines and cosines of t [n] at `width / 2` frequencies falling geometrically from 1 to about 1/10000,
 * [n, width] (Vaswani et al. 2017, section 3.5; diffusers' `Timesteps`).
 */
export const sinusoids = (t: Tensor, width: number, { flip, shift }: SinusoidOptions): Tensor => {
  const half = Math.floor(width / 2);
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.exp((-Math.log(10000) * i) / (half - shift)),
  );
  const angles = t.reshape([-1, 1]).mul(constant(new NDArray(frequencies, [1, half])));
  const waves = concat(flip ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1);
  return width % 2 ? pad(waves, [0, 0], [0, 1]) : waves;
};

/**
 * Sines and cosines of 2π w log(t) at `width` fixed random frequencies w ~ N(0, scale²), [n, 2·width]
 * (Tancik et al. 2020; Song et al. 2021, appendix C.3). t > 0.
 */
export const fourierFeatures = (random: Generator, width: number, scale: number) => {
  random.normal([width]); // diffusers draws them twice and keeps the second draw
  const weight = new Buffer(random.normal([width]).mul(scale));
  return {
    weight,
    forward(t: Tensor): Tensor {
      const angles = t
        .log()
        .reshape([-1, 1])
        .mul(weight.reshape([1, width]))
        .mul(2 * Math.PI);
      return concat([sin(angles), cos(angles)], 1);
    },
  };
};

export interface TimeEmbeddingOptions {
  /** Width of conditions; none when absent. */
  readonly condition?: number | undefined;
  readonly activation?: (x: Tensor) => Tensor;
}

/**
 * Two layers with SiLU or another activation between, from time features [n, from] to [n, to]. With a width of conditions [n, condition] a
 * projection of those is added to the features first (the guidance scale of latent consistency models).
 */
export const timeEmbedding = (
  random: Generator,
  from: number,
  to: number,
  { condition, activation = silu }: TimeEmbeddingOptions = {},
) => {
  const linear_1 = linear(random, from, to);
  const cond_proj = condition === undefined ? undefined : projection(random, condition, from);
  const linear_2 = linear(random, to, to);
  return {
    linear_1,
    ...(cond_proj && { cond_proj }),
    linear_2,
    forward(x: Tensor, conditions?: Tensor): Tensor {
      const features = cond_proj && conditions ? x.add(cond_proj.forward(conditions)) : x;
      return linear_2.forward(activation(linear_1.forward(features)));
    },
  };
};
