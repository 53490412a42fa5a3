import { type Generator, NDArray } from "../base/index.ts";
import { concat, constant, cos, pad, silu, sin, type Tensor } from "../tensor/index.ts";
import { linear } from "./layers.ts";
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

/** Two layers with SiLU between, from time features [n, from] to [n, to]. */
export const timeEmbedding = (random: Generator, from: number, to: number) => {
  const linear_1 = linear(random, from, to);
  const linear_2 = linear(random, to, to);
  return { linear_1, linear_2, forward: (x: Tensor): Tensor => linear_2.forward(silu(linear_1.forward(x))) };
};
