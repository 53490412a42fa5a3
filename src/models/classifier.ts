import { z } from "zod";
import { type Generator, ShapeError, sameShape, showShape } from "../base/index.ts";
import { conv2d, groupNorm, linear } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Sizes of a {@link classifier}. */
export const classifierSchema = z.strictObject({
  /** [c, h, w] of the images. */
  image: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  classes: z.int().min(2),
  /** Channels of each level; every level after the first has half the size of the one before. */
  widths: z.array(z.int().positive()).min(1).default([24, 48, 96]),
  /** Residual blocks of a level. */
  blocks: z.int().positive().default(1),
  /** Groups of each normalisation. */
  groups: z.int().positive().default(8),
});
export type ClassifierConfig = z.output<typeof classifierSchema>;

const EPS = 1e-5;

/** x + F(x), where F normalises and activates before it convolves (He et al. 2016, "Identity mappings"). */
const residualBlock = (
  random: Generator,
  { from, to, stride, groups }: { from: number; to: number; stride: number; groups: number },
) => {
  const norm1 = groupNorm(from, { groups, eps: EPS, silu: true });
  const conv1 = conv2d(random, from, to, { kernel: 3, padding: 1, stride });
  const norm2 = groupNorm(to, { groups, eps: EPS, silu: true });
  const conv2 = conv2d(random, to, to, { kernel: 3, padding: 1 });
  const shortcut = from === to && stride === 1 ? undefined : conv2d(random, from, to, { kernel: 1, stride });
  return {
    ...{ norm1, conv1, norm2, conv2 },
    ...(shortcut && { shortcut }),
    forward(x: Tensor): Tensor {
      const hidden = conv2.forward(norm2.forward(conv1.forward(norm1.forward(x))));
      return (shortcut?.forward(x) ?? x).add(hidden);
    },
  };
};

/**
 * A residual network that tells classes apart (He et al. 2016) with group norms in place of batch norms, so that an
 * image's features do not depend on those beside it. `forward` takes images [n, c, h, w] in [-1, 1] to `features`
 * [n, last width], the means of the last level's channels, and from these to `logits` [n, classes].
 */
export const classifier = (config: ClassifierConfig, random: Generator) => {
  const { image, widths, blocks: perLevel, groups, classes } = config;
  const [first = 0] = widths;
  const last = widths.at(-1) ?? first;
  const conv_in = conv2d(random, image[0], first, { kernel: 3, padding: 1 });
  const blocks = widths.flatMap((to, level) =>
    Array.from({ length: perLevel }, (_, i) => {
      const from = i > 0 ? to : (widths[level - 1] ?? first);
      return residualBlock(random, { from, to, stride: i === 0 && level > 0 ? 2 : 1, groups });
    }),
  );
  const norm_out = groupNorm(last, { groups, eps: EPS, silu: true });
  const head = linear(random, last, classes);
  return {
    config,
    ...{ conv_in, blocks, norm_out, head },
    forward(images: Tensor): { readonly features: Tensor; readonly logits: Tensor } {
      if (!sameShape(images.shape.slice(1), image))
        throw new ShapeError({
          who: "classifier",
          expected: `images [n, ${image.join(", ")}]`,
          got: showShape(images.shape),
        });
      let x = conv_in.forward(images);
      for (const block of blocks) x = block.forward(x);
      const features = norm_out.forward(x).mean([2, 3]);
      return { features, logits: head.forward(features) };
    },
  };
};
export type Classifier = ReturnType<typeof classifier>;
