// The networks that every benchmark measures. Others are given as a path to a JSON file of the same form:
// { "batch": n, "config": UNet2DModel's configuration }.
import { readFile } from "node:fs/promises";
import type { UNet2DConfigInput } from "../src/models/index.ts";

export interface Network {
  /** Images of a training step. */
  readonly batch: number;
  readonly config: UNet2DConfigInput & { readonly sample_size: number; readonly in_channels: number };
}

/** Kinds of block, attention at the levels named. */
const blocks = (levels: number, attention: readonly number[]) => {
  const down = Array.from({ length: levels }, (_, i) =>
    attention.includes(i) ? ("AttnDownBlock2D" as const) : ("DownBlock2D" as const),
  );
  const up = down.toReversed().map((kind) => (kind === "DownBlock2D" ? "UpBlock2D" : "AttnUpBlock2D"));
  return { down_block_types: down, up_block_types: up as ("UpBlock2D" | "AttnUpBlock2D")[] };
};

const colour = { in_channels: 3, out_channels: 3, layers_per_block: 2, norm_num_groups: 32 };

const networks: Readonly<Record<string, Network>> = {
  "32×32, width 32": {
    batch: 32,
    config: { ...colour, sample_size: 32, block_out_channels: [32, 64, 64], ...blocks(3, [1]) },
  },
  "CIFAR-10 DDPM": {
    batch: 8,
    config: { ...colour, sample_size: 32, block_out_channels: [128, 256, 256, 256], ...blocks(4, [1]) },
  },
  "64×64, width 64": {
    batch: 8,
    config: { ...colour, sample_size: 64, block_out_channels: [64, 128, 128, 256], ...blocks(4, [2]) },
  },
};

/** The networks named, or in JSON files at these paths; all of the table's when none is. */
export const chosenNetworks = async (wanted: readonly string[]): Promise<(readonly [string, Network])[]> =>
  wanted.length === 0
    ? Object.entries(networks)
    : Promise.all(
        wanted.map(async (name) => [
          name,
          networks[name] ?? (JSON.parse(await readFile(name, "utf8")) as Network),
        ]),
      );
