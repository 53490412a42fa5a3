// A training step (forward, loss, backward; no optimizer) against PyTorch on the same machine, threads and
// batch, one step of each in turn:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-step.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and their ratio.
import { host } from "#host";
import { Generator, NDArray } from "../src/base/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { machine, median, openPeer, ratio, THREADS } from "./peer.ts";
import { trainingModel } from "./training-model.ts";

const ROUNDS = 9;

const openOurs = async (network: Network): Promise<() => Promise<number>> => {
  const { model, values, draw } = await trainingModel(network);
  const session = await host.openSession(model, { threads: THREADS });
  const feeds = { ...Object.fromEntries(values), ...draw(new Generator(1)) };
  return async () => {
    const started = performance.now();
    const { loss } = await session.run(feeds);
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
