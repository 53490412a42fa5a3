import { ArgumentError, type Generator, type Shape, ShapeError, showShape } from "../base/index.ts";
import { activations, conv2d, type DropoutMasks, embedding, groupNorm, timeEmbedding } from "../nn/index.ts";
import { cast, type Tensor } from "../tensor/index.ts";
import { type Context, downBlock, type Flow, midBlock, pixelAttention, upBlock } from "./unet-2d-blocks.ts";
import type { UNet2DConfig } from "./unet-2d-config.ts";
import { layoutOf } from "./unet-2d-layout.ts";
import { type TimeFeatures, timeFeatures } from "./unet-2d-time.ts";

/** What a U-Net is told beside image and time. */
export interface UNet2DConditions {
  /**
   * For networks with a class embedding, which need it: int32 [n]; where `class_embed_type` is "timestep", int32 or
   * float32 [n]; where it is "identity", float32 [n, width of the time embedding].
   */
  readonly classLabels?: Tensor | undefined;
  /** Training: where dropout masks come from. */
  readonly masks?: DropoutMasks | undefined;
}

/**
 * diffusers' `UNet2DModel` (Ho et al. 2020; Dhariwal and Nichol 2021; Song et al. 2021): its keys are that model's
 * parameter names. `forward` takes images [n, in_channels, h, w], h and w divisible by 2 to the number of
 * downsamplings, and times float32 [n].
 */
export const unet2d = (config: UNet2DConfig, random: Generator) => {
  const [first] = config.block_out_channels as [number];
  const time = config.time_embedding_dim ?? 4 * first;
  const factor = 2 ** (config.block_out_channels.length - 1);
  const layout = layoutOf(config);
  const workshop = { config, random, time, attention: pixelAttention({ config, random }) };

  const conv_in = conv2d(random, config.in_channels, first, { kernel: 3, padding: 1 });
  const features = timeFeatures(config, random, first);
  const time_embedding = timeEmbedding(random, features.width, time);
  const classes = classEmbedding(config, random, { features, time });
  const down_blocks = layout.down.map((each) => downBlock(workshop, each));
  const mid_block = layout.mid ? midBlock(workshop, layout.mid) : undefined;
  const up_blocks = layout.up.map((each) => upBlock(workshop, each));
  const conv_norm_out = groupNorm(first, { groups: layout.out.count, eps: config.norm_eps, silu: true });
  const conv_out = conv2d(random, first, config.out_channels, { kernel: 3, padding: 1 });

  return {
    config,
    conv_in,
    ...(features.part && { time_proj: features.part }),
    time_embedding,
    ...(classes?.part && { class_embedding: classes.part }),
    down_blocks,
    ...(mid_block && { mid_block }),
    up_blocks,
    conv_norm_out,
    conv_out,
    forward(sample: Tensor, timestep: Tensor, { classLabels, masks }: UNet2DConditions = {}): Tensor {
      checkSample(sample, config.in_channels, factor);
      checkLabels(classLabels, classes?.takes(sample.shape[0] as number));
      let told = time_embedding.forward(features.forward(timestep));
      if (classes && classLabels) told = told.add(classes.forward(classLabels));
      const context: Context = { told: activations[config.act_fn](told), masks };
      const image = config.center_input_sample ? sample.mul(2).sub(1) : sample;
      let flow: Flow = { x: conv_in.forward(image), image };
      const skips = [flow.x];
      for (const block of down_blocks) flow = block.forward(flow, context, skips);
      flow = { x: mid_block?.forward(flow.x, context) ?? flow.x, image: undefined };
      for (const block of up_blocks) flow = block.forward(flow, context, skips);
      const out = conv_out.forward(conv_norm_out.forward(flow.x));
      const sum = flow.image ? out.add(flow.image) : out;
      return config.time_embedding_type === "fourier" ? sum.div(timestep.reshape([-1, 1, 1, 1])) : sum;
    },
  };
};
export type UNet2D = ReturnType<typeof unet2d>;

/** What is added to the time embedding for class labels, and which labels it takes for n images. */
interface ClassEmbedding {
  readonly part?: object;
  takes(n: number): Labels;
  forward(labels: Tensor): Tensor;
}
interface Labels {
  readonly shape: Shape;
  readonly dtypes: readonly string[];
}

const classEmbedding = (
  config: UNet2DConfig,
  random: Generator,
  { features, time }: { readonly features: TimeFeatures; readonly time: number },
): ClassEmbedding | undefined => {
  if (config.class_embed_type === "identity")
    return { takes: (n) => ({ shape: [n, time], dtypes: ["float32"] }), forward: (labels) => labels };
  if (config.class_embed_type === "timestep") {
    const part = timeEmbedding(random, features.width, time);
    const forward = (labels: Tensor) => part.forward(features.forward(cast(labels, "float32")));
    return { part, takes: (n) => ({ shape: [n], dtypes: ["int32", "float32"] }), forward };
  }
  if (config.num_class_embeds === null) return undefined;
  const part = embedding(random, config.num_class_embeds, time);
  return { part, takes: (n) => ({ shape: [n], dtypes: ["int32"] }), forward: part.forward };
};

const checkSample = ({ shape }: Tensor, channels: number, factor: number): void => {
  const [, c, h = 0, w = 0] = shape;
  if (shape.length === 4 && c === channels && h % factor === 0 && w % factor === 0) return;
  throw new ShapeError({
    who: "unet2d",
    expected: `images [n, ${channels}, h, w] with h and w divisible by ${factor}`,
    got: showShape(shape),
  });
};

const checkLabels = (labels: Tensor | undefined, taken: Labels | undefined): void => {
  if ((labels === undefined) !== (taken === undefined))
    throw new ArgumentError({
      who: "unet2d",
      expected: taken ? "class labels, since it embeds classes" : "no class labels, since it embeds none",
      got: taken ? "none" : "some",
    });
  if (!labels || !taken) return;
  const { shape, dtypes } = taken;
  if (dtypes.includes(labels.dtype) && showShape(labels.shape) === showShape(shape)) return;
  throw new ShapeError({
    who: "unet2d",
    expected: `class labels ${dtypes.join(" or ")}${showShape(shape)}`,
    got: `${labels.dtype}${showShape(labels.shape)}`,
  });
};
