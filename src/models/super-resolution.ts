import { ArgumentError, type Generator } from "../base/index.ts";
import { type DropoutMasks, embedding, sinusoids, timeEmbedding } from "../nn/index.ts";
import { concat, resizeBilinear, type Tensor } from "../tensor/index.ts";
import { unet2d } from "./unet-2d.ts";
import type { UNet2DConfig } from "./unet-2d-config.ts";

/** What a network of super-resolution is told beside x and time. */
export interface SuperResolutionConditions {
  /** The image of fewer pixels, [n, c, h, w]. */
  readonly low: Tensor;
  /** How far it was changed, float32 [n], in units of time. */
  readonly level: Tensor;
  /** int32 [n], exactly where it embeds classes. */
  readonly classLabels?: Tensor | undefined;
  readonly masks?: DropoutMasks | undefined;
}

/**
 * A U-Net that sees an image of fewer pixels beside x, interpolated to x's size, and is told how far that image was
 * changed and its class (Ho et al. 2022, section 3 and appendix B). Its U-Net has twice the channels in and takes what
 * it is told as `class_embed_type` "identity" does.
 * @param classes rows of the table of classes; null for none
 */
export const superResolution = (config: UNet2DConfig, classes: number | null, random: Generator) => {
  const [first] = config.block_out_channels as [number];
  const width = config.time_embedding_dim ?? 4 * first;
  const unet = unet2d(config, random);
  const level_embedding = timeEmbedding(random, first, width);
  const class_embedding = classes === null ? undefined : embedding(random, classes, width);
  return {
    unet,
    level_embedding,
    ...(class_embedding && { class_embedding }),
    forward(x: Tensor, t: Tensor, { low, level, classLabels, masks }: SuperResolutionConditions): Tensor {
      if ((classLabels === undefined) !== (class_embedding === undefined))
        throw new ArgumentError({
          who: "superResolution",
          expected: class_embedding ? "class labels, since it embeds classes" : "no class labels",
          got: classLabels ? "some" : "none",
        });
      const [, , h = 0, w = 0] = x.shape;
      const changed = level_embedding.forward(sinusoids(level, first, { flip: true, shift: 0 }));
      const told =
        classLabels && class_embedding ? changed.add(class_embedding.forward(classLabels)) : changed;
      const seen = concat([x, resizeBilinear(low, [h, w])], 1);
      return unet.forward(seen, t, { classLabels: told, masks });
    },
  };
};
export type SuperResolution = ReturnType<typeof superResolution>;
