import type { Generator } from "../base/index.ts";
import { embedding, fourierFeatures, sinusoids } from "../nn/index.ts";
import { cast, type Tensor } from "../tensor/index.ts";
import type { UNet2DEncoderConfig } from "./unet-2d-config.ts";

/** From times [n] to features [n, width], with the part that holds tensors, if any. */
export interface TimeFeatures {
  readonly part?: object;
  readonly width: number;
  forward(t: Tensor): Tensor;
}

/** The features of a configuration. */
export const timeFeatures = (config: UNet2DEncoderConfig, random: Generator, width: number): TimeFeatures => {
  if (config.time_embedding_type === "fourier") {
    const part = fourierFeatures(random, width, 16);
    return { part, width: 2 * width, forward: part.forward };
  }
  if (config.time_embedding_type === "learned") {
    const part = embedding(random, config.num_train_timesteps as number, width);
    return { part, width, forward: (t) => part.forward(cast(t, "int32")) };
  }
  const options = { flip: config.flip_sin_to_cos, shift: config.freq_shift };
  return { width, forward: (t) => sinusoids(t, width, options) };
};
