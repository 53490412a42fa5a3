// An evaluation of Stable Diffusion's U-Net at full size, with guidance (two pictures at once), against diffusers in
// PyTorch, or with --export against onnxruntime on PyTorch's export, in turns: what a step of a picture takes. Weights are
// random.
//   BACKEND=native PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs \
//     --conditions=undiffuse-source bench/checkpoint.ts [side of the latents, 64] [rounds, 3] [--export]
// The export takes minutes. Prints medians, their ratio, the time to load, and peaks of memory.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Generator, NDArray } from "../src/base/index.ts";
import { openSafetensors, writeSafetensorsFile } from "../src/formats/index.ts";
import { unet2dCondition, unet2dConditionSchema } from "../src/models/index.ts";
import { blank, loadState } from "../src/nn/index.ts";
import { openNetwork } from "../src/pipelines/network.ts";
import type { Tensor } from "../src/tensor/index.ts";
import { alone, backend, machine, median, openPeer, precision, ratio, THREADS } from "./peer.ts";
import { randomWeights } from "./random-weights.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { export: { type: "boolean", default: false } },
});
const [side = 64, rounds = 3] = positionals.map(Number);
const config = { sample_size: 64, cross_attention_dim: 768 };
const [BATCH, TOKENS] = [2, 77];
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

const folder = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));
const path = join(folder, "diffusion_pytorch_model.safetensors");
await writeSafetensorsFile(path, randomWeights(unet2dCondition(unet2dConditionSchema.parse(config), blank)));
console.log(machine());
const peer = await openPeer("checkpoint.py", {
  config,
  path,
  side,
  batch: BATCH,
  tokens: TOKENS,
  export: values.export,
  folder,
});
const before = process.memoryUsage.rss();
const started = performance.now();
const net = unet2dCondition(unet2dConditionSchema.parse(config), blank);
const file = await openSafetensors(path);
loadState(net, await file.readAll());
await file.close();
const loaded = performance.now() - started;
const network = openNetwork(
  net,
  ({ sample, timestep, states }) => ({
    eps: net.forward(sample as Tensor, timestep as Tensor, { states: states as Tensor }),
  }),
  { threads: THREADS, backend, precision },
);
const random = new Generator(1);
const feeds = {
  sample: random.normal([BATCH, 4, side, side]),
  timestep: NDArray.full([BATCH], 500),
  states: random.normal([BATCH, TOKENS, 768]),
};
const turn = async (): Promise<number> => {
  const clock = performance.now();
  const { eps } = await network.run(feeds);
  if (!eps?.isFinite()) throw new Error("the output is not finite");
  return performance.now() - clock;
};
const first = await turn();
const [ours, theirs]: [number[], number[]] = [[], []];
for (let round = 0; round < rounds; round++) {
  ours.push(await alone(turn));
  theirs.push(await alone(() => peer.turn()));
}
const seconds = (all: readonly number[]): string => `${(median(all) / 1000).toFixed(2)} s`;
console.log(
  `U-Net of Stable Diffusion 1.5, ${side}×${side} latents, batch ${BATCH}: ${seconds(ours)}; ` +
    `${seconds(theirs)} in ${values.export ? "onnxruntime" : "PyTorch"}, ${peer.facts}\n` +
    `  median of ratios ${ratio(ours, theirs).toFixed(2)}`,
);
console.log(
  `  weights read in ${(loaded / 1000).toFixed(1)} s, laid out with the first evaluation in ${(first / 1000).toFixed(1)} s;` +
    ` at its peak ${gigabytes(process.resourceUsage().maxRSS * 1024)}, ${gigabytes(before)} of it before`,
);
peer.close();
await network.close();
await rm(folder, { recursive: true });
