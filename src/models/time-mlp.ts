import { z } from "zod";
import { ArgumentError, type Generator, ShapeError, showShape } from "../base/index.ts";
import { type DropoutMasks, embedding, linear, sinusoids, timeEmbedding } from "../nn/index.ts";
import { silu, type Tensor } from "../tensor/index.ts";

const count = z.int().positive();

/** A residual network of linear layers for short vectors, such as points of the plane. */
export const timeMlpFields = z.strictObject({
  width: count.default(128),
  /** Residual blocks. */
  layers: count.default(3),
  dropout: z.number().min(0).lt(1).default(0),
});
export type TimeMlpConfig = z.output<typeof timeMlpFields>;

/** What goes in and out, and how many classes it is told of; null for none. */
interface Sizes {
  readonly inputs: number;
  readonly outputs: number;
  readonly classes: number | null;
}

/** What a block is told of time and class, and where dropout masks come from. */
interface Told {
  readonly embedding: Tensor;
  readonly masks: DropoutMasks | undefined;
}

const block = (random: Generator, { width, dropout }: TimeMlpConfig) => {
  const linear_1 = linear(random, width, width);
  const time_emb_proj = linear(random, width, width);
  const linear_2 = linear(random, width, width);
  return {
    linear_1,
    time_emb_proj,
    linear_2,
    forward(h: Tensor, { embedding: told, masks }: Told): Tensor {
      const hidden = silu(linear_1.forward(silu(h)).add(time_emb_proj.forward(told)));
      return h.add(linear_2.forward(masks?.apply(hidden, dropout) ?? hidden));
    },
  };
};

/**
 * A multilayer perceptron with residual blocks that are told time and class as those of a U-Net are. `forward` takes
 * vectors as images of one pixel, [n, inputs, 1, 1], times float32 [n], and class labels int32 [n] exactly where it
 * embeds classes; gives [n, outputs, 1, 1].
 */
export const timeMlp = (config: TimeMlpConfig, { inputs, outputs, classes }: Sizes, random: Generator) => {
  const { width, layers } = config;
  const linear_in = linear(random, inputs, width);
  const time_embedding = timeEmbedding(random, width, width);
  const class_embedding = classes === null ? undefined : embedding(random, classes, width);
  const blocks = Array.from({ length: layers }, () => block(random, config));
  const linear_out = linear(random, width, outputs);
  return {
    linear_in,
    time_embedding,
    ...(class_embedding && { class_embedding }),
    blocks,
    linear_out,
    forward(
      x: Tensor,
      t: Tensor,
      {
        classLabels,
        masks,
      }: { readonly classLabels?: Tensor | undefined; readonly masks?: DropoutMasks | undefined } = {},
    ): Tensor {
      const [n = 0] = x.shape;
      if (showShape(x.shape) !== showShape([n, inputs, 1, 1]))
        throw new ShapeError({ who: "timeMlp", expected: `[n, ${inputs}, 1, 1]`, got: showShape(x.shape) });
      if ((classLabels === undefined) !== (class_embedding === undefined))
        throw new ArgumentError({
          who: "timeMlp",
          expected: class_embedding ? "class labels, since it embeds classes" : "no class labels",
          got: classLabels ? "some" : "none",
        });
      const time = time_embedding.forward(sinusoids(t, width, { flip: true, shift: 0 }));
      const told = classLabels && class_embedding ? time.add(class_embedding.forward(classLabels)) : time;
      const context = { embedding: silu(told), masks };
      const hidden = blocks.reduce(
        (h, each) => each.forward(h, context),
        linear_in.forward(x.reshape([n, inputs])),
      );
      return linear_out.forward(silu(hidden)).reshape([n, outputs, 1, 1]);
    },
  };
};
