import type { Generator } from "../base/index.ts";
import { conv2d } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { autoencoderDecoder, autoencoderEncoder } from "./autoencoder-blocks.ts";
import { requireImage } from "./autoencoder-image.ts";
import { vectorQuantizer } from "./vector-quantizer.ts";
import type { VQModelConfig } from "./vq-model-config.ts";

/**
 * diffusers' `VQModel` (Esser et al. 2021; Rombach et al. 2022, section 3.1): its keys are that model's parameter names.
 * `encode` takes pictures [n, in_channels, h, w] to latents [n, vq_embed_dim, h / f, w / f], f = 2 to the number of levels
 * less one; `decode` takes latents, as they are before any scaling, to the nearest entries of the codebook and those to
 * pictures, and derivatives pass the codebook by; `decodeNumbers` begins with numbers of entries, int32 [n, h, w].
 */
export const vqModel = (config: VQModelConfig, random: Generator) => {
  const latent = config.latent_channels;
  const width = config.vq_embed_dim ?? latent;
  const factor = 2 ** (config.block_out_channels.length - 1);
  const encoder = autoencoderEncoder(random, config, { from: config.in_channels, to: latent });
  const quant_conv = conv2d(random, latent, width, { kernel: 1 });
  const quantize = vectorQuantizer(random, config.num_vq_embeddings, width);
  const post_quant_conv = conv2d(random, width, latent, { kernel: 1 });
  const decoder = autoencoderDecoder(random, config, { from: latent, to: config.out_channels });
  const fromEntries = (entries: Tensor) => decoder.forward(post_quant_conv.forward(entries));
  return {
    config,
    encoder,
    quant_conv,
    quantize,
    post_quant_conv,
    decoder,
    encode(pictures: Tensor): Tensor {
      requireImage(pictures, { who: "vqModel", channels: config.in_channels, multiple: factor });
      return quant_conv.forward(encoder.forward(pictures));
    },
    decode(latents: Tensor): Tensor {
      requireImage(latents, { who: "vqModel", channels: width, multiple: 1 });
      const entries = quantize.entries(quantize.nearest(latents));
      return fromEntries(latents.add(entries.sub(latents).detach()));
    },
    decodeNumbers: (numbers: Tensor): Tensor => fromEntries(quantize.entries(numbers)),
  };
};
export type VQModel = ReturnType<typeof vqModel>;
