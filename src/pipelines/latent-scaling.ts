import { NDArray } from "../base/index.ts";
import type { AutoencoderKlConfig } from "../models/index.ts";

/** What a configuration says of latents; what an autoencoder lacks may be absent. */
type Said = Pick<AutoencoderKlConfig, "scaling_factor"> &
  Partial<Pick<AutoencoderKlConfig, "shift_factor" | "latents_mean" | "latents_std">>;

/** Between an autoencoder's latents [n, c, h, w] and those that a diffusion model sees, of variance about 1. */
export interface LatentScaling {
  toModel(latents: NDArray): NDArray;
  toAutoencoder(latents: NDArray): NDArray;
}

/**
 * (z − shift) · scale, where shift and scale are one number each (Rombach et al. 2022, appendix D.1), or a channel's mean
 * and the scale over its deviation.
 */
export const latentScaling = (config: Said): LatentScaling => {
  const { scaling_factor: factor, shift_factor, latents_mean: means, latents_std: deviations } = config;
  const ofChannels = (values: readonly number[]) => NDArray.of(values, [1, values.length, 1, 1]);
  const shift = means ? ofChannels(means) : (shift_factor ?? 0);
  const unit = deviations ? ofChannels(deviations).div(factor) : 1 / factor;
  return {
    toModel: (latents) => latents.sub(shift).div(unit),
    toAutoencoder: (latents) => latents.mul(unit).add(shift),
  };
};
