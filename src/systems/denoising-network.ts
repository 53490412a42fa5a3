import { z } from "zod";
import { ArgumentError, parseAs, Streams } from "../base/index.ts";
import { type Level, type NoiseProcess, noiseToSignal } from "../diffusion/index.ts";
import { timeMlp, timeMlpFields, unet2d, unet2dFields, unet2dSchema } from "../models/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { DataShape } from "../train/index.ts";

/** diffusers' UNet2DModel; sizes, channels and classes come from the data. */
const unetSchema = unet2dFields
  .omit({
    sample_size: true,
    in_channels: true,
    out_channels: true,
    num_class_embeds: true,
    class_embed_type: true,
  })
  .extend({ kind: z.literal("unet").optional() });

const mlpSchema = timeMlpFields.extend({ kind: z.literal("mlp") });

/** The network of a denoising system: a U-Net unless another kind is said. */
export const denoisingNetworkSchema = z.discriminatedUnion("kind", [unetSchema, mlpSchema]);
export type DenoisingNetworkConfig = z.output<typeof denoisingNetworkSchema>;

/** A module that sees x [n, c, h, w] and times float32 [n], and class labels int32 [n] where it embeds classes. */
export interface DenoisingNetwork {
  forward(
    x: Tensor,
    t: Tensor,
    conditions?: { readonly classLabels?: Tensor | undefined; readonly masks?: DropoutMasks | undefined },
  ): Tensor;
}

interface Sizes {
  readonly data: DataShape;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Rows of the table of classes; null for none. */
  readonly classes: number | null;
}

type Builders = {
  readonly [K in "unet" | "mlp"]: (
    config: Extract<DenoisingNetworkConfig, { kind?: K }>,
    sizes: Sizes,
    random: ReturnType<Streams["get"]>,
  ) => DenoisingNetwork;
};

const builders: Builders = {
  unet({ kind: _, ...config }, { data, inChannels, outChannels, classes }, random) {
    if (data.form !== undefined && data.form !== "pictures")
      throw new ArgumentError({
        who: "config.network",
        expected: `a network for ${data.form}`,
        got: "a U-Net, which is for pictures",
        hint: 'set config.network.kind to "mlp"',
      });
    const sizes = {
      sample_size: data.image.slice(1),
      in_channels: inChannels,
      out_channels: outChannels,
      num_class_embeds: classes,
    };
    const about = { who: "config.network", expected: "a U-Net for these images" };
    return unet2d(parseAs(unet2dSchema, { ...config, ...sizes }, about), random);
  },
  mlp(config, { data: { image }, inChannels, outChannels, classes }, random) {
    if (image[1] * image[2] !== 1)
      throw new ArgumentError({
        who: "config.network",
        expected: "an mlp for points or bits",
        got: `images of ${image[1]}×${image[2]} pixels`,
        hint: 'set config.network.kind to "unet"',
      });
    return timeMlp(config, { inputs: inChannels, outputs: outChannels, classes }, random);
  },
};

/** The network of a configuration, with initial weights of a seed. @throws ArgumentError where it does not fit the data */
export const denoisingNetwork = (
  config: DenoisingNetworkConfig,
  sizes: Sizes,
  seed: number,
): DenoisingNetwork => {
  const random = new Streams(seed).get("weights");
  return config.kind === "mlp" ? builders.mlp(config, sizes, random) : builders.unet(config, sizes, random);
};

/**
 * What a network is told of a level: its t; where Fourier features take the logarithm of what they are told, σ / α.
 * @throws ArgumentError for such features of a process with a level of noise or of data alone
 */
export const toldBy = (config: DenoisingNetworkConfig, process: NoiseProcess): ((level: Level) => number) => {
  if (config.kind === "mlp" || config.time_embedding_type !== "fourier") return ({ t }) => t;
  const ends = process.span.map((time) => Math.log(noiseToSignal(process.level(time))));
  if (ends.every(Number.isFinite)) return noiseToSignal;
  throw new ArgumentError({
    who: "config.network.time_embedding_type",
    expected: "one for a process with levels of noise or of data alone",
    got: "fourier, which takes the logarithm of σ / α",
    hint: 'use "positional"',
  });
};
