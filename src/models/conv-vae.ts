import { z } from "zod";
import { ArgumentError, type Generator, NDArray } from "../base/index.ts";
import { conv2d, embedding, groupNorm, linear } from "../nn/index.ts";
import { Parameter, silu, split, type Tensor, upsampleNearest } from "../tensor/index.ts";

const count = z.int().positive();

/** Convolutions down to a vector, and up again from one. */
export const convVaeFields = z.strictObject({
  /** Numbers of the vector. */
  latents: count.default(128),
  /** Channels at each size, from the full one down; the image is halved before each but the first. */
  channels: z.array(count).min(1).default([64, 128, 256, 512]),
  norm_num_groups: count.default(32),
});
export type ConvVaeConfig = z.output<typeof convVaeFields>;

/** What the pair is for: images [c, h, w], and how many classes; null for none. */
export interface VaeSizes {
  readonly image: readonly [number, number, number];
  readonly classes: number | null;
}

/** The image's height and width after all halvings. @throws ArgumentError where they do not divide */
const leastOf = ({ channels, norm_num_groups: groups }: ConvVaeConfig, { image }: VaeSizes) => {
  const factor = 2 ** (channels.length - 1);
  const [, h, w] = image;
  const odd = channels.find((each) => each % groups !== 0);
  if (h % factor || w % factor || odd !== undefined)
    throw new ArgumentError({
      who: "config.network",
      expected: odd ? `channels divisible by ${groups} groups` : `images with sides divisible by ${factor}`,
      got: odd ? String(odd) : `${h}×${w}`,
    });
  return [h / factor, w / factor] as const;
};

/** Normalised, activated and convolved, twice, beside a shortcut. */
const block = (random: Generator, { from, to, groups }: { from: number; to: number; groups: number }) => {
  const norm1 = groupNorm(from, { groups, eps: 1e-5, silu: true });
  const conv1 = conv2d(random, from, to, { kernel: 3, padding: 1 });
  const norm2 = groupNorm(to, { groups, eps: 1e-5, silu: true });
  const conv2 = conv2d(random, to, to, { kernel: 3, padding: 1 });
  const conv_shortcut = from === to ? undefined : conv2d(random, from, to, { kernel: 1 });
  return {
    ...{ norm1, conv1, norm2, conv2 },
    ...(conv_shortcut && { conv_shortcut }),
    forward: (x: Tensor): Tensor =>
      (conv_shortcut?.forward(x) ?? x).add(conv2.forward(norm2.forward(conv1.forward(norm1.forward(x))))),
  };
};

/** Images, and classes int32 [n] where there are any, to the mean and the log variance of q(z | x), [n, latents] each. */
export const vaeEncoder = (config: ConvVaeConfig, sizes: VaeSizes, random: Generator) => {
  const { channels, latents, norm_num_groups: groups } = config;
  const [h, w] = leastOf(config, sizes);
  const [first, last] = [channels[0] as number, channels.at(-1) as number];
  const conv_in = conv2d(random, sizes.image[0], first, { kernel: 3, padding: 1 });
  const class_embedding = sizes.classes === null ? undefined : embedding(random, sizes.classes, first);
  const blocks = channels.map((to, k) => block(random, { from: channels[k - 1] ?? first, to, groups }));
  const downs = channels.slice(1).map((_, k) => {
    const width = channels[k] as number;
    return conv2d(random, width, width, { kernel: 3, stride: 2, padding: 1 });
  });
  const norm_out = groupNorm(last, { groups, eps: 1e-5, silu: true });
  const linear_out = linear(random, last * h * w, 2 * latents);
  return {
    conv_in,
    ...(class_embedding && { class_embedding }),
    blocks,
    downs,
    norm_out,
    linear_out,
    forward(
      images: Tensor,
      labels: Tensor | undefined,
    ): { readonly mean: Tensor; readonly logVariance: Tensor } {
      const seen = conv_in.forward(images);
      const [n = 0] = images.shape;
      const start =
        class_embedding && labels
          ? seen.add(class_embedding.forward(labels).reshape([n, first, 1, 1]))
          : seen;
      const features = blocks.reduce(
        (x, each, k) => each.forward(k === 0 ? x : (downs[k - 1] as (typeof downs)[number]).forward(x)),
        start,
      );
      const said = linear_out.forward(norm_out.forward(features).reshape([n, last * h * w]));
      const [mean, logVariance] = split(said, 2, 1) as [Tensor, Tensor];
      return { mean, logVariance };
    },
  };
};

/**
 * From z [n, latents], and classes int32 [n] where there are any, to the means of p(x | z), images [n, c, h, w]. All
 * pixels have one deviation, whose logarithm is learned beside them (Rybkin et al. 2021, section 3).
 */
export const vaeDecoder = (config: ConvVaeConfig, sizes: VaeSizes, random: Generator) => {
  const { latents, norm_num_groups: groups } = config;
  const channels = [...config.channels].reverse();
  const [h, w] = leastOf(config, sizes);
  const [first, last] = [channels[0] as number, channels.at(-1) as number];
  const linear_in = linear(random, latents, first * h * w);
  const class_embedding =
    sizes.classes === null ? undefined : embedding(random, sizes.classes, first * h * w);
  const blocks = channels.map((to, k) => block(random, { from: channels[k - 1] ?? first, to, groups }));
  const norm_out = groupNorm(last, { groups, eps: 1e-5, silu: true });
  const conv_out = conv2d(random, last, sizes.image[0], { kernel: 3, padding: 1 });
  const log_deviation = new Parameter(NDArray.zeros([1]));
  return {
    linear_in,
    ...(class_embedding && { class_embedding }),
    blocks,
    norm_out,
    conv_out,
    log_deviation,
    forward(z: Tensor, labels: Tensor | undefined): Tensor {
      const [n = 0] = z.shape;
      const seen = linear_in.forward(z);
      const told = class_embedding && labels ? seen.add(class_embedding.forward(labels)) : seen;
      const features = blocks.reduce(
        (x, each, k) => each.forward(k === 0 ? x : upsampleNearest(x, 2)),
        silu(told).reshape([n, first, h, w]),
      );
      return conv_out.forward(norm_out.forward(features));
    },
  };
};
