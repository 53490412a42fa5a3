import { z } from "zod";
import { type Generator, parseAs } from "../base/index.ts";
import { embedding, linear } from "../nn/index.ts";
import { silu, type Tensor, tanh } from "../tensor/index.ts";
import { unet2d } from "./unet-2d.ts";
import { unet2dRecipeFields } from "./unet-2d-config.ts";
import { unet2dSchema } from "./unet-2d-schema.ts";

/** diffusers' UNet2DModel, told of a latent vector; sizes, channels and classes come from the data. */
export const latentUnetFields = unet2dRecipeFields.omit({ resnet_time_scale_shift: true }).extend({
  /** Numbers of the latent vector. */
  latents: z.int().positive().default(100),
  /** Linear layers that the latent vector goes through first. */
  mapping: z.int().positive().default(4),
});
export type LatentUnetConfig = z.output<typeof latentUnetFields>;

/** What the network is for: images [c, h, w], and how many classes; null for none. */
interface Sizes {
  readonly image: readonly [number, number, number];
  readonly classes: number | null;
}

/** Rows of unit variance. */
const normalised = (x: Tensor): Tensor => x.div(x.mul(x).mean([1], true).add(1e-8).sqrt());

/**
 * The generator of Xiao et al. 2022 (appendix C): a U-Net whose every residual block scales and shifts its features as
 * time and a latent vector say, the latter through layers of its own (StyleGAN's mapping, Karras et al. 2019). Their
 * blocks add time to the features instead. `forward` takes images [n, c, h, w], times float32 [n], latents [n, latents]
 * and labels int32 [n] where there are classes; gives images in [-1, 1].
 */
export const latentUnet = (
  { latents, mapping: layers, ...config }: LatentUnetConfig,
  { image, classes }: Sizes,
  random: Generator,
) => {
  const [channels, ...side] = image;
  const width = config.time_embedding_dim ?? 4 * (config.block_out_channels[0] as number);
  const sizes = { sample_size: side, in_channels: channels, out_channels: channels };
  const told = { class_embed_type: "identity", resnet_time_scale_shift: "scale_shift" };
  const about = { who: "config.network", expected: "a U-Net for these images" };
  const unet = unet2d(parseAs(unet2dSchema, { ...config, ...sizes, ...told }, about), random);
  const mapping = Array.from({ length: layers }, (_, k) => linear(random, k === 0 ? latents : width, width));
  const class_embedding = classes === null ? undefined : embedding(random, classes, width);
  return {
    unet,
    mapping,
    ...(class_embedding && { class_embedding }),
    forward(x: Tensor, t: Tensor, z: Tensor, labels?: Tensor): Tensor {
      const style = mapping.reduce((hidden, layer) => silu(layer.forward(hidden)), normalised(z));
      const classLabels = class_embedding && labels ? style.add(class_embedding.forward(labels)) : style;
      return tanh(unet.forward(x, t, { classLabels }));
    },
  };
};
