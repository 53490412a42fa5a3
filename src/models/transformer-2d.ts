import type { Generator } from "../base/index.ts";
import { conv2d, groupNorm, linear } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type TransformerBlockOptions, transformerBlock } from "./transformer-block.ts";

export interface Transformer2DOptions extends TransformerBlockOptions {
  /** Groups of the normalisation before. */
  readonly groups: number;
  readonly layers: number;
  /** Whether the projections at both ends are linear layers, or convolutions of 1×1 pixels: the names are the same. */
  readonly linearProjection: boolean;
}

/** What is inside images' normalisation, whatever the network's own (diffusers). */
const EPS = 1e-6;

/**
 * Transformer blocks over the pixels of [n, c, h, w] that attend to states [n, tokens, context], with a residual
 * around all (Rombach et al. 2022, section 3.3; diffusers' `Transformer2DModel`).
 */
export const transformer2d = (
  random: Generator,
  { groups, layers, linearProjection, ...block }: Transformer2DOptions,
) => {
  const { channels } = block;
  const norm = groupNorm(channels, { groups, eps: EPS, silu: false });
  const project = () =>
    linearProjection ? linear(random, channels, channels) : conv2d(random, channels, channels, { kernel: 1 });
  const proj_in = project();
  const transformer_blocks = Array.from({ length: layers }, () => transformerBlock(random, block));
  const proj_out = project();
  return {
    norm,
    proj_in,
    transformer_blocks,
    proj_out,
    forward(x: Tensor, states: Tensor): Tensor {
      const normed = norm.forward(x);
      const rows = linearProjection ? proj_in.forward(rowsOf(normed)) : rowsOf(proj_in.forward(normed));
      const mixed = transformer_blocks.reduce((hidden, block) => block.forward(hidden, states), rows);
      const image = linearProjection
        ? imageOf(proj_out.forward(mixed), x)
        : proj_out.forward(imageOf(mixed, x));
      return image.add(x);
    },
  };
};

/** Pixels [n, c, h, w] as rows [n, h · w, c]. */
const rowsOf = (x: Tensor): Tensor => {
  const [n = 0, c = 0] = x.shape;
  return x.reshape([n, c, -1]).transpose([0, 2, 1]);
};

/** Back from {@link rowsOf}, to the shape of an image. */
const imageOf = (rows: Tensor, { shape }: Tensor): Tensor => rows.transpose([0, 2, 1]).reshape(shape);
