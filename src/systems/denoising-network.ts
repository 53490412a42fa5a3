import { z } from "zod";
import { ArgumentError, parseAs, Streams } from "../base/index.ts";
import { type Level, type NoiseProcess, noiseToSignal } from "../diffusion/index.ts";
import {
  timeMlp,
  timeMlpFields,
  type UNet2DConfig,
  unet2d,
  unet2dRecipeFields,
  unet2dSchema,
} from "../models/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import type { Named, Tensor } from "../tensor/index.ts";
import type { DataShape } from "../train/index.ts";

/** diffusers' UNet2DModel; sizes, channels and classes come from the data. */
export const unetNetworkSchema = unet2dRecipeFields.extend({ kind: z.literal("unet").optional() });

const mlpSchema = timeMlpFields.extend({ kind: z.literal("mlp") });

/** The network of a denoising system: a U-Net unless another kind is said. */
export const denoisingNetworkSchema = z.discriminatedUnion("kind", [unetNetworkSchema, mlpSchema]);
export type DenoisingNetworkConfig = z.output<typeof denoisingNetworkSchema>;

/** A module that sees x [n, c, h, w] and times float32 [n], and class labels int32 [n] where it embeds classes. */
export interface DenoisingNetwork {
  forward(
    x: Tensor,
    t: Tensor,
    conditions?: {
      readonly classLabels?: Tensor | undefined;
      readonly masks?: DropoutMasks | undefined;
      /** All that the program is fed, for networks that are shown more. */
      readonly feeds?: Named<Tensor>;
    },
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

/**
 * A U-Net's configuration whole, with what the data say.
 * @throws ArgumentError for data that are no pictures, or a configuration that does not fit together
 */
export const unetConfigOf = (
  { kind: _, ...config }: z.output<typeof unetNetworkSchema>,
  { form, image }: DataShape,
  sizes: Partial<UNet2DConfig>,
): UNet2DConfig => {
  if (form !== undefined && form !== "pictures")
    throw new ArgumentError({
      who: "config.network",
      expected: `a network for ${form}`,
      got: "a U-Net, which is for pictures",
      hint: 'set config.network.kind to "mlp"',
    });
  const about = { who: "config.network", expected: "a U-Net for these images" };
  return parseAs(unet2dSchema, { ...config, sample_size: image.slice(1), ...sizes }, about);
};

const builders: Builders = {
  unet(config, { data, inChannels, outChannels, classes }, random) {
    const sizes = { in_channels: inChannels, out_channels: outChannels, num_class_embeds: classes };
    return unet2d(unetConfigOf(config, data, sizes), random);
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
