import type { Generator } from "../base/index.ts";
import { conv2d, type DropoutMasks, groupNorm, selfAttention } from "../nn/index.ts";
import { averagePool, concat, type Tensor, upsampleNearest } from "../tensor/index.ts";
import { firDownsample, firUpsample } from "./resampling.ts";
import { downsample, type ResnetOptions, resnetBlock, upsample } from "./resnet-block.ts";
import type { UNet2DEncoderConfig } from "./unet-2d-config.ts";
import type { AttentionLayout, BlockLayout, LayerLayout, ResnetLayout } from "./unet-2d-layout.ts";

/** Channels of the image that skip blocks carry along. */
const RGB = 3;

/** What every part is made from; `A` is the layout of its attention. */
export interface Workshop<A = AttentionLayout> {
  readonly config: Pick<
    UNet2DEncoderConfig,
    "norm_eps" | "act_fn" | "dropout" | "resnet_time_scale_shift" | "downsample_padding"
  >;
  readonly random: Generator;
  /** Width of the time embedding. */
  readonly time: number;
  readonly attention: (layout: A) => Attending;
}

/** What every block is told: the activated time embedding, and where dropout masks come from. */
export interface Context {
  readonly told: Tensor;
  readonly masks: DropoutMasks | undefined;
  /** What transformers attend to beside the image, [n, tokens, width]. */
  readonly states?: Tensor | undefined;
}

/** A layer's attention, over features [n, c, h, w]. */
export interface Attending {
  forward(x: Tensor, context: Context): Tensor;
}

/** What goes from block to block: the features, and the image that skip blocks carry along beside them. */
export interface Flow {
  readonly x: Tensor;
  readonly image: Tensor | undefined;
}

/** What changes the size at a block's end: its parts by their names in checkpoints. */
interface Resampler {
  readonly parts: object;
  /** `beside` are the features of the level above, where there are some. */
  forward(flow: Flow, context: Context, beside?: Tensor): Flow;
}

const resnetOf = (
  { config, random, time }: Omit<Workshop, "attention">,
  { groups, groupsOut, ...sizes }: ResnetLayout,
  extra: Pick<ResnetOptions, "resample" | "shortcut"> = {},
) =>
  resnetBlock(random, {
    ...sizes,
    ...extra,
    time,
    groups: groups.count,
    groupsOut: groupsOut.count,
    eps: config.norm_eps,
    activation: config.act_fn,
    dropout: config.dropout,
    timeScaleShift: config.resnet_time_scale_shift,
  });

/** Attention of the pixels among themselves. */
export const pixelAttention =
  ({ config, random }: Pick<Workshop, "config" | "random">) =>
  ({ groups, ...sizes }: AttentionLayout): Attending =>
    selfAttention(random, { ...sizes, groups: groups?.count ?? null, eps: config.norm_eps });

/** A residual block and its attention: drawn one after the other, as in diffusers. */
const layerOf = <A>(workshop: Workshop<A>, { resnet, attention }: LayerLayout<A>) => ({
  resnet: resnetOf(workshop, resnet),
  attention: attention === null ? undefined : workshop.attention(attention),
});
type Layer = ReturnType<typeof layerOf>;

const forwardLayer = ({ resnet, attention }: Layer, x: Tensor, context: Context): Tensor => {
  const hidden = resnet.forward(x, context.told, context.masks);
  return attention?.forward(hidden, context) ?? hidden;
};

/** A block's layers under the names that checkpoints have for them. */
const namesOf = (layers: readonly Layer[]) => {
  const attentions = layers.flatMap(({ attention }) => attention ?? []);
  return { resnets: layers.map(({ resnet }) => resnet), ...(attentions.length > 0 && { attentions }) };
};

type Resamplers = Readonly<
  Record<
    "conv" | "resnet" | "skip",
    (workshop: Omit<Workshop, "attention">, resampler: ResnetLayout) => Resampler
  >
>;

const halvings: Resamplers = {
  conv: ({ config, random }, { to }) => {
    const half = downsample(random, to, config.downsample_padding);
    return { parts: { downsamplers: [half] }, forward: ({ x, image }) => ({ x: half.forward(x), image }) };
  },
  resnet: (workshop, resampler) => {
    const half = resnetOf(workshop, resampler, { resample: (x) => averagePool(x, 2) });
    return {
      parts: { downsamplers: [half] },
      forward: ({ x, image }, { told, masks }) => ({ x: half.forward(x, told, masks), image }),
    };
  },
  skip: (workshop, resampler) => {
    const resnet_down = resnetOf(workshop, resampler, { resample: firDownsample, shortcut: true });
    const skip_conv = conv2d(workshop.random, RGB, resampler.to, { kernel: 1 });
    return {
      parts: { resnet_down, skip_conv },
      forward({ x, image }, { told, masks }) {
        const smaller = firDownsample(image as Tensor);
        return { x: skip_conv.forward(smaller).add(resnet_down.forward(x, told, masks)), image: smaller };
      },
    };
  },
};

const doublings: Resamplers = {
  conv: ({ random }, { to }) => {
    const double = upsample(random, to);
    return {
      parts: { upsamplers: [double] },
      forward: ({ x, image }, _, beside) => ({ x: double.forward(x, beside?.shape), image }),
    };
  },
  resnet: (workshop, resampler) => {
    const double = resnetOf(workshop, resampler, { resample: (x) => upsampleNearest(x, 2) });
    return {
      parts: { upsamplers: [double] },
      forward: ({ x, image }, { told, masks }) => ({ x: double.forward(x, told, masks), image }),
    };
  },
  skip: (workshop, resampler) => {
    const { to: channels, groups } = resampler;
    const resnet_up = resnetOf(workshop, resampler, { resample: firUpsample, shortcut: true });
    const skip_conv = conv2d(workshop.random, channels, RGB, { kernel: 3, padding: 1 });
    const norm = { groups: groups.count, eps: workshop.config.norm_eps, silu: true };
    const skip_norm = groupNorm(channels, norm);
    return {
      parts: { resnet_up, skip_conv, skip_norm },
      forward({ x, image }, { told, masks }) {
        const seen = skip_conv.forward(skip_norm.forward(x));
        return { x: resnet_up.forward(x, told, masks), image: image?.add(seen) ?? seen };
      },
    };
  },
};

/** Layers, then half the size but for the last block. */
export const downBlock = <A>(
  workshop: Workshop<A>,
  { layers: layouts, resampling, resampler }: BlockLayout<A>,
) => {
  const layers = layouts.map((each) => layerOf(workshop, each));
  const half = resampling && halvings[resampling](workshop, resampler);
  return {
    ...namesOf(layers),
    ...half?.parts,
    /** Leaves what the way up will need in `skips`. */
    forward(flow: Flow, context: Context, skips: Tensor[]): Flow {
      let { x } = flow;
      for (const layer of layers) {
        x = forwardLayer(layer, x, context);
        skips.push(x);
      }
      if (!half) return { ...flow, x };
      const smaller = half.forward({ ...flow, x }, context);
      skips.push(smaller.x);
      return smaller;
    },
  };
};

/** Layers at the smallest size. */
export const midBlock = <A>(workshop: Workshop<A>, layouts: readonly LayerLayout<A>[]) => {
  const layers = layouts.map((each) => layerOf(workshop, each));
  return {
    ...namesOf(layers),
    forward: (x: Tensor, context: Context): Tensor =>
      layers.reduce((hidden, layer) => forwardLayer(layer, hidden, context), x),
  };
};

/** Layers on what came up joined with what went down, then twice the size but for the last block. */
export const upBlock = <A>(workshop: Workshop<A>, layout: BlockLayout<A>) => {
  const layers = layout.layers.map((each) => layerOf(workshop, each));
  const double = layout.resampling && doublings[layout.resampling](workshop, layout.resampler);
  return {
    ...namesOf(layers),
    ...double?.parts,
    /** Takes as many `skips` as it has layers. */
    forward(flow: Flow, context: Context, skips: Tensor[]): Flow {
      let { x } = flow;
      for (const layer of layers) x = forwardLayer(layer, concat([x, skips.pop() as Tensor], 1), context);
      const image = layout.carriesImage && flow.image ? firUpsample(flow.image) : flow.image;
      return double?.forward({ x, image }, context, skips.at(-1)) ?? { x, image };
    },
  };
};
