import { z } from "zod";
import { ArgumentError, type Generator, NDArray } from "../base/index.ts";
import { conv2d, embedding, linear } from "../nn/index.ts";
import {
  averagePool,
  cast,
  concat,
  constant,
  equal,
  leakyRelu,
  type Tensor,
  upsampleNearest,
} from "../tensor/index.ts";

const count = z.int().positive();

/** The pair of networks of Mescheder et al. 2018; the defaults are theirs for pictures of 256×256. */
export const resnetGanFields = z.strictObject({
  /** Numbers of the noise that an image is made from. */
  latents: count.default(256),
  /** Channels at full size; twice as many at each half of it, up to `maxChannels`. */
  channels: count.default(64),
  maxChannels: count.default(1024),
  /** Residual blocks at each size. */
  blocks: count.default(2),
  /** What a block's convolutions count beside what went in: little, in deep networks, keeps the first steps gentle. */
  share: z.number().positive().default(0.1),
});
export type ResnetGanConfig = z.output<typeof resnetGanFields>;

/** What the pair is for: images [c, side, side], and how many classes; null for none. */
export interface GanSizes {
  readonly image: readonly [number, number, number];
  readonly classes: number | null;
}

/** The side at which a generator begins and a discriminator ends. */
const LEAST = 4;
const SLOPE = 0.2;
const activated = (x: Tensor): Tensor => leakyRelu(x, SLOPE);

/** Channels at every size, from the full one down. @throws ArgumentError for other sides than 4, 8, 16 … */
const channelsOf = ({ channels, maxChannels }: ResnetGanConfig, { image }: GanSizes): number[] => {
  const [, h, w] = image;
  const halvings = Math.log2(h / LEAST);
  if (h !== w || !Number.isInteger(halvings) || halvings < 0)
    throw new ArgumentError({
      who: "config.network",
      expected: `images with a side of ${LEAST}, ${2 * LEAST}, ${4 * LEAST} … pixels`,
      got: `${h}×${w}`,
    });
  return Array.from({ length: halvings + 1 }, (_, k) => Math.min(channels * 2 ** k, maxChannels));
};

/** x + share · f(x), without normalisation. */
const block = (random: Generator, { share }: ResnetGanConfig, [from, to]: readonly [number, number]) => {
  const middle = Math.min(from, to);
  const conv_0 = conv2d(random, from, middle, { kernel: 3, padding: 1 });
  const conv_1 = conv2d(random, middle, to, { kernel: 3, padding: 1 });
  const conv_shortcut = from === to ? undefined : conv2d(random, from, to, { kernel: 1 });
  return {
    conv_0,
    conv_1,
    ...(conv_shortcut && { conv_shortcut }),
    forward(x: Tensor): Tensor {
      const added = conv_1.forward(activated(conv_0.forward(activated(x))));
      return (conv_shortcut?.forward(x) ?? x).add(added.mul(share));
    },
  };
};

/** Blocks at one size, of which the first changes the channels. */
const blocksOf = (random: Generator, config: ResnetGanConfig, [from, to]: readonly [number, number]) =>
  Array.from({ length: config.blocks }, (_, k) => block(random, config, [k === 0 ? from : to, to]));

const through = (blocks: readonly { forward(x: Tensor): Tensor }[], x: Tensor): Tensor =>
  blocks.reduce((hidden, each) => each.forward(hidden), x);

/** Rows of length 1. */
const normalised = (x: Tensor): Tensor => x.div(x.mul(x).sum([1], true).add(1e-8).sqrt());

/**
 * From noise z [n, latents], and classes int32 [n] where there are any, to images [n, c, side, side]
 * (Mescheder et al. 2018, appendix D.2 and H). No tanh keeps them in [-1, 1]: on pictures that are mostly black it was
 * seen to saturate within a few hundred steps, and learning to end.
 */
export const resnetGenerator = (config: ResnetGanConfig, sizes: GanSizes, random: Generator) => {
  const { latents } = config;
  const { image, classes } = sizes;
  const channels = channelsOf(config, sizes).reverse();
  const [first = 0] = channels;
  const class_embedding = classes === null ? undefined : embedding(random, classes, latents);
  const linear_in = linear(random, class_embedding ? 2 * latents : latents, first * LEAST ** 2);
  const up_blocks = channels.map((to, k) => blocksOf(random, config, [channels[k - 1] ?? first, to]));
  const conv_out = conv2d(random, channels.at(-1) ?? first, image[0], { kernel: 3, padding: 1 });
  return {
    ...(class_embedding && { class_embedding }),
    linear_in,
    up_blocks,
    conv_out,
    forward(z: Tensor, labels: Tensor | undefined): Tensor {
      const [n = 0] = z.shape;
      const told =
        class_embedding && labels ? concat([z, normalised(class_embedding.forward(labels))], 1) : z;
      const start = linear_in.forward(told).reshape([n, first, LEAST, LEAST]);
      const features = up_blocks.reduce(
        (x, blocks, k) => through(blocks, k === 0 ? x : upsampleNearest(x, 2)),
        start,
      );
      return conv_out.forward(activated(features));
    },
  };
};

/**
 * From images to logits of being real, [n]: with classes int32 [n], as images of those (Mescheder et al. 2018,
 * appendix D.2 and H).
 */
export const resnetDiscriminator = (config: ResnetGanConfig, sizes: GanSizes, random: Generator) => {
  const { image, classes } = sizes;
  const channels = channelsOf(config, sizes);
  const [first = 0] = channels;
  const last = channels.at(-1) ?? first;
  const conv_in = conv2d(random, image[0], first, { kernel: 3, padding: 1 });
  const down_blocks = channels.map((to, k) => blocksOf(random, config, [channels[k - 1] ?? first, to]));
  const linear_out = linear(random, last * LEAST ** 2, classes ?? 1);
  return {
    conv_in,
    down_blocks,
    linear_out,
    forward(images: Tensor, labels: Tensor | undefined): Tensor {
      const [n = 0] = images.shape;
      const features = down_blocks.reduce(
        (x, blocks, k) => through(blocks, k === 0 ? x : averagePool(x, 2)),
        conv_in.forward(images),
      );
      const logits = linear_out.forward(activated(features).reshape([n, last * LEAST ** 2]));
      return labels && classes !== null ? chosen(logits, labels, classes) : logits.reshape([n]);
    },
  };
};

/** Of each row the number in the place of its label. */
const chosen = (rows: Tensor, labels: Tensor, classes: number): Tensor => {
  const places = constant(
    NDArray.of(
      Array.from({ length: classes }, (_, k) => k),
      [1, classes],
    ),
  );
  const own = cast(equal(cast(labels, "float32").reshape([-1, 1]), places), "float32");
  return rows.mul(own).sum([1]);
};
