import { expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { superResolution, unet2d, unet2dSchema } from "../../src/models/index.ts";
import { leaves, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import {
  concat,
  constant,
  cos,
  input,
  type Named,
  resizeBilinear,
  sin,
  type Tensor,
  trace,
} from "../../src/tensor/index.ts";

const config = unet2dSchema.parse({
  in_channels: 2,
  out_channels: 1,
  block_out_channels: [4, 8],
  layers_per_block: 1,
  down_block_types: ["DownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "UpBlock2D"],
  norm_num_groups: 2,
  attention_head_dim: 8,
  class_embed_type: "identity",
});
const random = new Generator(0);
const feeds = {
  x: random.normal([2, 1, 8, 8]),
  t: NDArray.of([3, 700]),
  low: random.normal([2, 1, 4, 4]),
  level: NDArray.of([0, 250]),
  classLabels: NDArray.of([0, 2], [2], "int32"),
};
type Inputs = Record<keyof typeof feeds, Tensor>;

const run = async (
  net: object,
  outputs: (inputs: Inputs) => Named<Tensor>,
  given: Named<NDArray> = feeds,
) => {
  const graph = trace(given, (tensors) => outputs(tensors as Named<Tensor> & Inputs), leaves(net));
  const compiled = await compile(graph, { worker: false, weights: stateOf(net) });
  const results = await compiled(given);
  await compiled.close();
  return results;
};

it("a network of super-resolution is the U-Net on x and the interpolated image, told level and class", async () => {
  const net = superResolution(config, 3, new Generator(1));
  // The U-Net alone has the same weights, since it is drawn first.
  const alone = unet2d(config, new Generator(1));
  const { whole, told } = await run(net, ({ x, t, ...conditions }) => ({
    whole: net.forward(x, t, conditions),
    told: net.level_embedding
      .forward(sinusoidsOf(conditions.level))
      .add((net.class_embedding as NonNullable<typeof net.class_embedding>).forward(conditions.classLabels)),
  }));
  const { apart } = await run(
    alone,
    ({ x, t, low, told }: Inputs & { told?: Tensor }) => ({
      apart: alone.forward(concat([x, resizeBilinear(low, [8, 8])], 1), t, { classLabels: told }),
    }),
    { x: feeds.x, t: feeds.t, low: feeds.low, told: told as NDArray },
  );
  expect(
    (whole as NDArray)
      .sub(apart as NDArray)
      .abs()
      .data.every((each) => each < 1e-5),
  ).toBe(true);
});

it("a network of super-resolution takes labels exactly where it embeds classes", () => {
  const conditions = { low: input([2, 1, 4, 4]), level: input([2]) };
  const forward = (classes: number | null, labelled: boolean) => () =>
    superResolution(config, classes, random).forward(input([2, 1, 8, 8]), input([2]), {
      ...conditions,
      ...(labelled && { classLabels: input([2], "int32") }),
    });
  expect(forward(3, false)).toThrow(
    "superResolution: expected class labels, since it embeds classes, got none",
  );
  expect(forward(null, true)).toThrow("superResolution: expected no class labels, got some");
  expect(forward(null, false)().shape).toEqual([2, 1, 8, 8]);
});

/** Cosines and sines of the two frequencies that a width of four has, 10000^(−i / 2). */
const sinusoidsOf = (level: Tensor): Tensor => {
  const frequencies = NDArray.of([1, 0.01], [1, 2]);
  const angles = level.reshape([-1, 1]).mul(constant(frequencies));
  return concat([cos(angles), sin(angles)], 1);
};
