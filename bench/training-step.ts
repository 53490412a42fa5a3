// A training step (forward, loss, backward; no optimizer) against PyTorch on the same machine, threads and
// batch, one step of each in turn:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-step.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and their ratio.
import { host } from "#host";
import { Generator, NDArray } from "../src/base/index.ts";
import { lower, trainCpu } from "../src/lower/index.ts";
import { unet2d, unet2dSchema } from "../src/models/index.ts";
import { parameters } from "../src/nn/index.ts";
import { blockSize } from "../src/runtime/index.ts";
import { gradients, simplify, type Tensor, trace } from "../src/tensor/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { machine, median, openPeer, ratio, THREADS } from "./peer.ts";

const ROUNDS = 9;

/** One step at a time on onnxruntime, as training lowers it. */
const openOurs = async ({ batch, config }: Network): Promise<() => Promise<number>> => {
  const net = unet2d(unet2dSchema.parse(config), new Generator(0));
  const own = parameters(net);
  const random = new Generator(1);
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  const batchFeeds = {
    sample: random.normal(shape),
    target: random.normal(shape),
    timestep: random.integers(0, 1000, [batch]).cast("float32"),
  };
  const graph = trace(
    batchFeeds,
    ({ sample, target, timestep }) => {
      const error = net.forward(sample, timestep).sub(target);
      const loss = error.mul(error).mean();
      const found = gradients(loss, [...own.values()]);
      return {
        loss,
        ...Object.fromEntries([...own.keys()].map((name, i) => [`gradient.${name}`, found[i] as Tensor])),
      };
    },
    own,
  );
  const model = lower(simplify(graph), { target: trainCpu(await blockSize()) });
  const session = await host.openSession(model, { threads: THREADS });
  const values = Object.fromEntries([...own].map(([name, { value }]) => [name, value]));
  return async () => {
    const started = performance.now();
    const { loss } = await session.run({ ...values, ...batchFeeds });
    if (!NDArray.from(loss as NDArray).isFinite()) throw new Error("the loss is not finite");
    return performance.now() - started;
  };
};

console.log(machine());
for (const [name, network] of await chosenNetworks(process.argv.slice(2))) {
  const peer = await openPeer("training_step.py", network);
  const ours = await openOurs(network);
  await ours();
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.peer.push(await peer.turn());
    times.ours.push(await ours());
  }
  peer.close();
  const [a, b] = [median(times.ours), median(times.peer)];
  console.log(
    `${name}, batch ${network.batch}: ${a.toFixed(0)} ms, PyTorch ${b.toFixed(0)} ms ${peer.facts}`,
  );
  console.log(
    `  ratio of medians ${(a / b).toFixed(2)}, median of ratios ${ratio(times.ours, times.peer).toFixed(2)}`,
  );
}
