// An evaluation of a network in sampling, against PyTorch and against onnxruntime in Python on PyTorch's own export,
// with the same weights, threads and batch. A turn is a few evaluations on end, as sampling has them; one of each
// contender, after a pause:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/evaluation.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and their ratios.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, NDArray } from "../src/base/index.ts";
import { unet2d, unet2dSchema } from "../src/models/index.ts";
import { leaves, stateOf } from "../src/nn/index.ts";
import { compile, inferTarget } from "../src/runtime/index.ts";
import { trace } from "../src/tensor/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { alone, backend, machine, median, openPeer, precision, ratio, THREADS } from "./peer.ts";

const BATCHES = [1, 16];
const ROUNDS = 11;
const EVALUATIONS = 5;

/** What sampling does with a network: weights fixed, the session in a worker. */
const openOurs = async ({ config }: Network, batch: number) => {
  const net = unet2d(unet2dSchema.parse(config), new Generator(0));
  const random = new Generator(1);
  const sample = random.normal([batch, config.in_channels, config.sample_size, config.sample_size]);
  const timestep = NDArray.full([batch], 500);
  const graph = trace(
    { sample, timestep },
    ({ sample, timestep }) => ({ eps: net.forward(sample, timestep) }),
    leaves(net),
  );
  const run = await compile(graph, {
    weights: stateOf(net),
    threads: THREADS,
    target: inferTarget(backend, precision),
  });
  const turn = async (): Promise<number> => {
    const started = performance.now();
    let eps = sample;
    for (let i = 0; i < EVALUATIONS; i++) eps = (await run({ sample, timestep })).eps as NDArray;
    const took = performance.now() - started;
    if (!eps.isFinite()) throw new Error("the output is not finite");
    return took / EVALUATIONS;
  };
  return { turn, close: run.close };
};

console.log(machine());
for (const [name, network] of await chosenNetworks(process.argv.slice(2)))
  for (const batch of BATCHES) {
    const folder = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));
    const peer = await openPeer("evaluation.py", {
      config: network.config,
      batch,
      evaluations: EVALUATIONS,
      folder,
    });
    const ours = await openOurs(network, batch);
    await ours.turn();
    const times = { ours: [] as number[], torch: [] as number[], onnx: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.torch.push(await alone(() => peer.turn("torch")));
      times.ours.push(await alone(() => ours.turn()));
      times.onnx.push(await alone(() => peer.turn("onnx")));
    }
    peer.close();
    await ours.close();
    await rm(folder, { recursive: true });
    const [a, b, c] = [times.ours, times.torch, times.onnx].map((each) => median(each).toFixed(1));
    console.log(`${name}, batch ${batch}: ${a} ms; PyTorch ${b} ms, export in Python ${c} ms; ${peer.facts}`);
    console.log(
      `  median of ratios: ${ratio(times.ours, times.torch).toFixed(2)} × PyTorch, ${ratio(times.ours, times.onnx).toFixed(2)} × the export`,
    );
  }
