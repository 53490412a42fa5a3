import { host } from "#host";
import { trainingGraph } from "../../bench/training-model.ts";
import { Generator } from "../../src/base/index.ts";
import { lower, type Target } from "../../src/lower/index.ts";
import type { Arrays } from "../../src/runtime/index.ts";
import type { Graph } from "../../src/tensor/index.ts";

/** Channels that fill blocks of 8 at both levels, at one, at none. */
export const networks = [
  [8, 16],
  [12, 24],
  [16, 20],
] as const;

/** Loss and gradients of a U-Net with attention, odd channels and halved sizes. */
export const network = (channels: readonly [number, number]) => {
  const config = {
    ...{ sample_size: 8, in_channels: 3, out_channels: 3, layers_per_block: 1, norm_num_groups: 4 },
    ...{ block_out_channels: [...channels], attention_head_dim: 4 },
    down_block_types: ["DownBlock2D" as const, "AttnDownBlock2D" as const],
    up_block_types: ["AttnUpBlock2D" as const, "UpBlock2D" as const],
  };
  const { graph, values, draw } = trainingGraph({ batch: 2, config });
  return { graph, feeds: { ...draw(new Generator(1)), ...Object.fromEntries(values) } };
};

export const evaluate = async (target: Target, { graph, feeds }: { graph: Graph; feeds: Arrays }) => {
  const session = await host.openSession(lower(graph, { target }), { threads: 2 });
  const results = await session.run(feeds);
  await session.close();
  return results;
};
