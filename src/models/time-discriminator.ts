import { z } from "zod";
import { ArgumentError, type Generator } from "../base/index.ts";
import { conv2d, embedding, linear, sinusoids, timeEmbedding } from "../nn/index.ts";
import { broadcastTo, concat, leakyRelu, type Tensor } from "../tensor/index.ts";
import { firDownsample } from "./resampling.ts";

const count = z.int().positive();

/** The defaults are Xiao et al.'s for CIFAR-10. */
export const timeDiscriminatorFields = z.strictObject({
  /** Channels of each block; all blocks but the first halve the image. */
  channels: z.array(count).nonempty().default([128, 256, 512, 512]),
  /** Width of the time embedding. */
  time: count.default(128),
});
export type TimeDiscriminatorConfig = z.output<typeof timeDiscriminatorFields>;

/** What the network is for: images [c, h, w], and how many classes; null for none. */
interface Sizes {
  readonly image: readonly [number, number, number];
  readonly classes: number | null;
}

const activated = (x: Tensor): Tensor => leakyRelu(x, 0.2);

/** Two convolutions, told of time between them, beside one of a pixel; no normalisation. */
const block = (
  random: Generator,
  { from, to, time, halves }: Readonly<Record<"from" | "to" | "time", number>> & { readonly halves: boolean },
) => {
  const conv_1 = conv2d(random, from, to, { kernel: 3, padding: 1 });
  const time_emb_proj = linear(random, time, to);
  const conv_2 = conv2d(random, to, to, { kernel: 3, padding: 1 });
  const conv_shortcut = conv2d(random, from, to, { kernel: 1 });
  const resized = (x: Tensor): Tensor => (halves ? firDownsample(x) : x);
  return {
    conv_1,
    time_emb_proj,
    conv_2,
    conv_shortcut,
    forward(x: Tensor, told: Tensor): Tensor {
      const shift = time_emb_proj.forward(told);
      const hidden = conv_1.forward(activated(x)).add(shift.reshape([...shift.shape, 1, 1]));
      const added = conv_2.forward(resized(activated(hidden)));
      return added.add(conv_shortcut.forward(resized(x))).mul(Math.SQRT1_2);
    },
  };
};

/** Images that a deviation is taken over. */
const GROUP = 4;

/** How much images of a group differ, on average over their features, as one more channel (Karras et al. 2018, section 3). */
const withDeviation = (x: Tensor): Tensor => {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const group = Math.min(GROUP, n);
  if (n % group)
    throw new ArgumentError({ who: "batch", expected: `a multiple of ${GROUP}`, got: String(n) });
  const groups = x.reshape([group, n / group, c, h, w]);
  const apart = groups.sub(groups.mean([0], true));
  const deviation = apart.mul(apart).mean([0], true).add(1e-8).sqrt().mean([2, 3, 4], true);
  return concat([x, broadcastTo(deviation, [group, n / group, 1, h, w]).reshape([n, 1, h, w])], 1);
};

/**
 * A discriminator of steps back from noise (Xiao et al. 2022, appendix C): from images [n, c, h, w] at a level, those at
 * the noisier level that they are to come from, the noisier level's times float32 [n], and labels int32 [n] where there
 * are classes, to logits of being real, [n]. Classes, of which theirs knows none, are added to the embedding of time.
 */
export const timeDiscriminator = (
  { channels, time }: TimeDiscriminatorConfig,
  { image, classes }: Sizes,
  random: Generator,
) => {
  const [c, h, w] = image;
  const first = channels[0] as number;
  const last = channels.at(-1) as number;
  const factor = 2 ** (channels.length - 1);
  if (h % factor || w % factor)
    throw new ArgumentError({
      who: "config.network.discriminator",
      expected: `images with sides divisible by ${factor}, as it halves them ${channels.length - 1} times`,
      got: `${h}×${w}`,
    });
  const conv_in = conv2d(random, 2 * c, first, { kernel: 1 });
  const time_embedding = timeEmbedding(random, time, time);
  const class_embedding = classes === null ? undefined : embedding(random, classes, time);
  const blocks = channels.map((to, k) =>
    block(random, { from: channels[k - 1] ?? first, to, time, halves: k > 0 }),
  );
  const conv_out = conv2d(random, last + 1, last, { kernel: 3, padding: 1 });
  const linear_out = linear(random, last, 1);
  return {
    conv_in,
    time_embedding,
    ...(class_embedding && { class_embedding }),
    blocks,
    conv_out,
    linear_out,
    forward(x: Tensor, noisier: Tensor, t: Tensor, labels?: Tensor): Tensor {
      const moment = time_embedding.forward(sinusoids(t, time, { flip: true, shift: 0 }));
      const told = class_embedding && labels ? moment.add(class_embedding.forward(labels)) : moment;
      const features = blocks.reduce(
        (hidden, each) => each.forward(hidden, activated(told)),
        conv_in.forward(concat([x, noisier], 1)),
      );
      const seen = activated(conv_out.forward(withDeviation(features))).sum([2, 3]);
      return linear_out.forward(seen).reshape([-1]);
    },
  };
};
