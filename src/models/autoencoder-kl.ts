import type { Generator } from "../base/index.ts";
import { conv2d } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { autoencoderDecoder, autoencoderEncoder } from "./autoencoder-blocks.ts";
import { requireImage } from "./autoencoder-image.ts";
import type { AutoencoderKlConfig } from "./autoencoder-kl-config.ts";

/**
 * diffusers' `AutoencoderKL` (Rombach et al. 2022, section 3.1): its keys are that model's parameter names. `encode`
 * takes pictures [n, in_channels, h, w] to the moments of latents, [n, 2 · latent_channels, h / f, w / f], means before
 * log-variances; `decode` takes latents [n, latent_channels, h, w], as they are before any scaling, to pictures.
 */
export const autoencoderKl = (config: AutoencoderKlConfig, random: Generator) => {
  const latent = config.latent_channels;
  const factor = 2 ** (config.block_out_channels.length - 1);
  const pointwise = (channels: number) => conv2d(random, channels, channels, { kernel: 1 });
  const encoder = autoencoderEncoder(random, config, { from: config.in_channels, to: 2 * latent });
  const decoder = autoencoderDecoder(random, config, { from: latent, to: config.out_channels });
  const quant_conv = config.use_quant_conv ? pointwise(2 * latent) : undefined;
  const post_quant_conv = config.use_post_quant_conv ? pointwise(latent) : undefined;
  return {
    config,
    encoder,
    decoder,
    ...(quant_conv && { quant_conv }),
    ...(post_quant_conv && { post_quant_conv }),
    encode(pictures: Tensor): Tensor {
      requireImage(pictures, { who: "autoencoderKl", channels: config.in_channels, multiple: factor });
      const moments = encoder.forward(pictures);
      return quant_conv?.forward(moments) ?? moments;
    },
    decode(latents: Tensor): Tensor {
      requireImage(latents, { who: "autoencoderKl", channels: latent, multiple: 1 });
      return decoder.forward(post_quant_conv?.forward(latents) ?? latents);
    },
  };
};
export type AutoencoderKl = ReturnType<typeof autoencoderKl>;
