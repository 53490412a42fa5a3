import { type Generator, ShapeError, showShape } from "../base/index.ts";
import {
  activations,
  attentionPool,
  conv2d,
  type DropoutMasks,
  groupNorm,
  timeEmbedding,
} from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Context, downBlock, type Flow, midBlock, pixelAttention } from "./unet-2d-blocks.ts";
import type { UNet2DEncoderConfig } from "./unet-2d-config.ts";
import { encoderLayoutOf } from "./unet-2d-layout.ts";
import { timeFeatures } from "./unet-2d-time.ts";

interface Sizes {
  /** Of the images, in pixels: attention pooling has a place for each pixel that is left at the end. */
  readonly image: readonly [height: number, width: number];
  /** Numbers of the vector that it comes to. */
  readonly outputs: number;
}

/**
 * The half of a U-Net on the way down and its middle, then attention pooling (the classifiers of Dhariwal and Nichol
 * 2021, appendix I). Its keys are those of diffusers' `UNet2DModel`, and `pool`. `forward` takes images
 * [n, in_channels, height, width] and times float32 [n], and gives [n, outputs].
 */
export const unet2dEncoder = (config: UNet2DEncoderConfig, { image, outputs }: Sizes, random: Generator) => {
  const [first] = config.block_out_channels as [number];
  const channels = config.block_out_channels.at(-1) as number;
  const time = config.time_embedding_dim ?? 4 * first;
  const factor = 2 ** (config.block_out_channels.length - 1);
  const [height, width] = image;
  if (height % factor !== 0 || width % factor !== 0)
    throw new ShapeError({
      who: "unet2dEncoder",
      expected: `images of sides divisible by ${factor}`,
      got: showShape(image),
    });
  const layout = encoderLayoutOf(config);
  const workshop = { config, random, time, attention: pixelAttention({ config, random }) };

  const conv_in = conv2d(random, config.in_channels, first, { kernel: 3, padding: 1 });
  const features = timeFeatures(config, random, first);
  const time_embedding = timeEmbedding(random, features.width, time);
  const down_blocks = layout.down.map((each) => downBlock(workshop, each));
  const mid_block = layout.mid ? midBlock(workshop, layout.mid) : undefined;
  const conv_norm_out = groupNorm(channels, { groups: layout.out.count, eps: config.norm_eps, silu: true });
  const pool = attentionPool(random, {
    channels,
    headWidth: config.attention_head_dim ?? channels,
    tokens: (height * width) / factor ** 2,
    outputs,
  });

  return {
    conv_in,
    ...(features.part && { time_proj: features.part }),
    time_embedding,
    down_blocks,
    ...(mid_block && { mid_block }),
    conv_norm_out,
    pool,
    forward(
      sample: Tensor,
      timestep: Tensor,
      { masks }: { readonly masks?: DropoutMasks | undefined } = {},
    ): Tensor {
      const wanted = [sample.shape[0] ?? 0, config.in_channels, height, width];
      if (showShape(sample.shape) !== showShape(wanted))
        throw new ShapeError({
          who: "unet2dEncoder",
          expected: `images [n, ${wanted.slice(1).join(", ")}]`,
          got: showShape(sample.shape),
        });
      const told = activations[config.act_fn](time_embedding.forward(features.forward(timestep)));
      const context: Context = { told, masks };
      const seen = config.center_input_sample ? sample.mul(2).sub(1) : sample;
      let flow: Flow = { x: conv_in.forward(seen), image: seen };
      for (const block of down_blocks) flow = block.forward(flow, context, []);
      const hidden = mid_block?.forward(flow.x, context) ?? flow.x;
      return pool.forward(conv_norm_out.forward(hidden));
    },
  };
};
export type UNet2DEncoder = ReturnType<typeof unet2dEncoder>;
